/** Assignments and patterns. */
import { bare, child, children, flag, nameOf, slots, text, type Node } from "../syntax/node.ts";
import { keyOf } from "./key.ts";
import { placeOf, type Machine } from "./machine.ts";
import { binary } from "./operators.ts";
import type { Scope } from "./scope.ts";
import {
  COMPUTED,
  constant,
  get,
  NO_DEPS,
  nullishness,
  UNDEFINED,
  union,
  unknown,
  type RecordValue,
  type Value,
} from "./value.ts";

export function assignTo(machine: Machine, node: Node, scope: Scope): Value {
  const update = node.type === "UpdateExpression";
  const targetNode = child(node, update ? "argument" : "left");
  if (!targetNode) return unknown("assignment");
  const target = bare(targetNode);
  const rightNode = child(node, "right");
  const right = rightNode ? machine.evaluate(rightNode, scope) : constant(1);
  const operator = update ? text(node, "operator").slice(0, 1) : text(node, "operator").slice(0, -1);
  if (operator === "") {
    machine.bind(target, right, scope);
    return right;
  }
  const before = machine.evaluate(target, scope);
  const value = ["||", "&&", "??"].includes(operator)
    ? union(before, right)
    : binary(operator, before, right, placeOf(scope, node));
  machine.bind(target, value, scope);
  return value;
}

type Binder = (machine: Machine, pattern: Node, value: Value, scope: Scope) => void;

const BINDERS: Readonly<Record<string, Binder>> = {
  Identifier: (machine, pattern, value, scope) => machine.log.assign(scope, text(pattern, "name"), value),
  MemberExpression: bindMember,
  ObjectPattern: bindObject,
  ArrayPattern: bindArray,
  AssignmentPattern: bindDefault,
  RestElement: (machine, pattern, value, scope) =>
    bindInner(machine, child(pattern, "argument"), value, scope),
  TSParameterProperty: (machine, pattern, value, scope) =>
    bindInner(machine, child(pattern, "parameter"), value, scope),
};

/** Gives a value to the names of a pattern. */
export function bind(machine: Machine, pattern: Node, value: Value, scope: Scope): void {
  const target = bare(pattern);
  BINDERS[target.type]?.(machine, target, value, scope);
}

/** All names of a pattern, so that they belong to the scope in which they are declared. */
export function declareNames(machine: Machine, pattern: Node, scope: Scope): void {
  const inner = bare(pattern);
  if (inner.type === "Identifier") machine.log.declare(scope, text(inner, "name"), UNDEFINED);
  else if (inner.type === "ObjectPattern") {
    for (const property of children(inner, "properties")) {
      const target = child(property, property.type === "RestElement" ? "argument" : "value");
      if (target) declareNames(machine, target, scope);
    }
  } else if (inner.type === "ArrayPattern") {
    for (const entry of children(inner, "elements")) declareNames(machine, entry, scope);
  } else {
    const target = child(inner, "left") ?? child(inner, "argument") ?? child(inner, "parameter");
    if (target) declareNames(machine, target, scope);
  }
}

function bindInner(machine: Machine, pattern: Node | undefined, value: Value, scope: Scope): void {
  if (pattern) machine.bind(pattern, value, scope);
}

function bindDefault(machine: Machine, pattern: Node, value: Value, scope: Scope): void {
  const left = child(pattern, "left");
  const right = child(pattern, "right");
  if (!left || !right) return;
  const missing = nullishness(value);
  if (missing === true) machine.bind(left, machine.evaluate(right, scope), scope);
  else if (value.kind === "unknown" && value.role === "parameter") machine.bind(left, value, scope);
  else machine.bind(left, missing === false ? value : union(value, machine.evaluate(right, scope)), scope);
}

function bindObject(machine: Machine, pattern: Node, value: Value, scope: Scope): void {
  const taken = new Set<string>();
  for (const property of children(pattern, "properties")) {
    if (property.type === "RestElement") {
      bindInner(machine, child(property, "argument"), restOf(value, taken), scope);
      continue;
    }
    const key = child(property, "key");
    const name = flag(property, "computed") && key ? keyOf(machine.evaluate(key, scope)) : nameOf(key);
    if (name !== undefined) taken.add(name);
    const target = child(property, "value");
    if (target) machine.bind(target, machine.member(value, name), scope);
  }
}

function restOf(value: Value, taken: ReadonlySet<string>): Value {
  if (value.kind !== "record") return value;
  const fields = new Map([...value.fields].filter(([name]) => !taken.has(name)));
  const rest: RecordValue = { ...value, fields };
  return rest;
}

function bindArray(machine: Machine, pattern: Node, value: Value, scope: Scope): void {
  slots(pattern, "elements").forEach((entry, at) => {
    if (!entry) return;
    const rest = entry.type === "RestElement";
    const item = rest ? restOfList(value, at) : machine.member(value, String(at));
    machine.bind(entry, item, scope);
  });
}

function restOfList(value: Value, from: number): Value {
  return value.kind === "list" ? { ...value, items: value.items.slice(from) } : get(value, "*");
}

function bindMember(machine: Machine, pattern: Node, value: Value, scope: Scope): void {
  const object = child(pattern, "object");
  const property = child(pattern, "property");
  if (!object || !property) return;
  const base = machine.evaluate(object, scope);
  const name = flag(pattern, "computed") ? keyOf(machine.evaluate(property, scope)) : nameOf(property);
  if (base.kind === "record") {
    if (name === undefined) base.open = true;
    else base.fields.set(name, value);
  } else if (base.kind === "instance" && name !== undefined) base.fields.set(name, value);
  else if (base.kind === "class" && name !== undefined) base.statics.set(name, value);
  else remember(machine, base, name ?? COMPUTED, value);
}

/** A property of a row is set: it is written when the row is saved. */
function remember(machine: Machine, base: Value, name: string, value: Value): void {
  for (const row of base.kind === "union" ? base.options : [base]) {
    const owner = ownerOf(row);
    const fields = machine.pending.get(owner) ?? new Map<string, Value>();
    // What an unknown call has given may be many rows: what is set on one isn't what was set on another.
    const before = owner.kind === "call" ? fields.get(name) : undefined;
    fields.set(name, before ? union(before, value) : value);
    machine.pending.set(owner, fields);
  }
}

/** Rows are known by the read that gave them, whichever way they are named. */
export function ownerOf(value: Value): Value {
  let current = value;
  while (current.kind === "get") current = current.base;
  return current;
}

export function emptyRecord(path: string): RecordValue {
  return { kind: "record", fields: new Map(), open: true, place: { path, start: 0, end: 0 }, deps: NO_DEPS };
}
