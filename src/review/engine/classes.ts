/** Classes and their instances. */
import { bare, child, children, flag, isFunction, nameOf, text, type Node } from "../syntax/node.ts";
import { keyOf } from "./key.ts";
import type { Machine } from "./machine.ts";
import { newScope, type Scope } from "./scope.ts";
import {
  get,
  NO_DEPS,
  unknown,
  type ClassValue,
  type Closure,
  type Instance,
  type Unknown,
  type Value,
} from "./value.ts";

export function evaluateClass(machine: Machine, node: Node, scope: Scope): ClassValue {
  const parentNode = child(node, "superClass");
  const parent = parentNode ? machine.evaluate(parentNode, scope) : undefined;
  const name = nameOf(child(node, "id")) ?? "";
  const made: ClassValue = {
    kind: "class",
    node,
    scope,
    path: scope.path,
    name,
    parent,
    statics: new Map(),
    deps: NO_DEPS,
  };
  for (const entry of members(made)) {
    const key = nameOf(child(entry, "key"));
    const value = child(entry, "value");
    if (!flag(entry, "static") || key === undefined || !value) continue;
    if (entry.type === "MethodDefinition") made.statics.set(key, method(machine, value, made, key, made));
    else made.statics.set(key, machine.evaluate(value, scope));
  }
  return made;
}

function members(of: ClassValue): Node[] {
  const body = child(of.node, "body");
  return body ? children(body, "body") : [];
}

function method(machine: Machine, node: Node, of: ClassValue, name: string, self: Value): Closure {
  const known = machine.closures.get(node);
  if (known && known.self === self) return known;
  const closure: Closure = {
    kind: "closure",
    node,
    scope: of.scope,
    path: of.path,
    name,
    self,
    deps: NO_DEPS,
  };
  machine.closures.set(node, closure);
  return closure;
}

/** The method of that name in the class or in those that it extends. */
export function findMethod(machine: Machine, of: ClassValue, name: string, self: Value): Value | undefined {
  for (let at: Value | undefined = of; at?.kind === "class"; at = at.parent) {
    const found = members(at).find(
      (entry) =>
        entry.type === "MethodDefinition" &&
        !flag(entry, "static") &&
        text(entry, "kind") !== "constructor" &&
        nameOf(child(entry, "key")) === name,
    );
    const value = found && child(found, "value");
    if (!value || !child(value, "body")) continue;
    const closure = method(machine, value, at, name, self);
    return text(found, "kind") === "get" ? undefined : closure;
  }
  return undefined;
}

/** A class that isn't known to be made with anything: its fields are named by its constructor's parameters. */
export function instantiate(machine: Machine, of: ClassValue, args: readonly Value[] | undefined): Instance {
  const instance: Instance = { kind: "instance", of, fields: new Map(), deps: NO_DEPS };
  if (of.parent?.kind === "class") {
    for (const [name, value] of instantiate(machine, of.parent, args).fields)
      instance.fields.set(name, value);
  }
  const scope = newScope(of.path, of.scope);
  machine.activations.push({
    node: undefined,
    self: instance,
    returns: [],
    guardsBefore: machine.guards.length,
  });
  for (const entry of members(of)) if (!flag(entry, "static")) initialise(machine, entry, instance, scope);
  const constructor = members(of).find((entry) => text(entry, "kind") === "constructor");
  const body = constructor && child(constructor, "value");
  if (body) construct(machine, body, instance, { scope, args });
  machine.activations.pop();
  return instance;
}

function initialise(machine: Machine, entry: Node, instance: Instance, scope: Scope): void {
  const key = child(entry, "key");
  const name = flag(entry, "computed") && key ? keyOf(machine.evaluate(key, scope)) : nameOf(key);
  if (entry.type !== "PropertyDefinition" && entry.type !== "AccessorProperty") return;
  if (name === undefined) return;
  const value = child(entry, "value");
  instance.fields.set(name, value ? machine.evaluate(value, scope) : typed(machine, entry, name));
}

function construct(
  machine: Machine,
  node: Node,
  instance: Instance,
  { scope, args }: { scope: Scope; args: readonly Value[] | undefined },
): void {
  children(node, "params").forEach((param, at) => {
    const inner = param.type === "TSParameterProperty" ? (child(param, "parameter") ?? param) : param;
    const target = inner.type === "AssignmentPattern" ? (child(inner, "left") ?? inner) : inner;
    const name = nameOf(target) ?? "";
    const value = args?.[at] ?? typed(machine, target, name);
    machine.log.declare(scope, name, value);
    if (target.type !== "Identifier") machine.bind(target, value, scope);
    if (param.type === "TSParameterProperty") instance.fields.set(name, value);
  });
  const body = child(node, "body");
  if (body) machine.execute(body, scope);
}

/** A field or parameter by its type: an instance of a class among the files, or an unknown of that type. */
export function typed(machine: Machine, node: Node, name: string): Value {
  const types = typeNames(node);
  const known = types[0] === undefined ? undefined : machine.linker.instanceOfType(types[0]);
  if (known) return known;
  const value: Unknown = { ...unknown(name, "global"), types };
  return value;
}

/** The names of a type annotation, outermost first: `Repository<User>` gives both. Decorators add theirs. */
export function typeNames(node: Node): string[] {
  const names: string[] = [];
  const collect = (at: Node | undefined): void => {
    if (!at || names.length > 8) return;
    if (at.type === "TSTypeReference") {
      const name = child(at, "typeName");
      const last = name?.type === "TSQualifiedName" ? child(name, "right") : name;
      const type = nameOf(last);
      if (type !== undefined) names.push(type);
      const args = child(at, "typeArguments");
      if (args) for (const entry of children(args, "params")) collect(entry);
    } else {
      collect(child(at, "typeAnnotation"));
      for (const entry of children(at, "types")) collect(entry);
    }
  };
  collect(child(node, "typeAnnotation"));
  return names;
}

/** Whether a decorator of that name stands before a method or its class. */
export function hasDecorator(node: Node, pattern: RegExp): boolean {
  return children(node, "decorators").some((decorator) => {
    const expression = child(decorator, "expression");
    const called = expression?.type === "CallExpression" ? child(expression, "callee") : expression;
    const name =
      called && bare(called).type === "MemberExpression" ? child(bare(called), "property") : called;
    return pattern.test(nameOf(name) ?? "");
  });
}

/** The element of a class that holds this function. */
export function elementOf(of: ClassValue, node: Node): Node | undefined {
  return members(of).find((entry) => child(entry, "value") === node);
}

export function methodsOf(of: ClassValue): { name: string; node: Node; isStatic: boolean }[] {
  return members(of).flatMap((entry) => {
    const value = child(entry, "value");
    if (!value || !isFunction(value) || text(entry, "kind") === "constructor") return [];
    return [{ name: nameOf(child(entry, "key")) ?? "", node: value, isStatic: flag(entry, "static") }];
  });
}

export function memberOfInstance(machine: Machine, base: Instance, name: string): Value {
  return base.fields.get(name) ?? findMethod(machine, base.of, name, base) ?? get(base, name);
}
