/** Expressions to values. */
import {
  bare,
  child,
  children,
  field,
  flag,
  isFunction,
  nameOf,
  slots,
  text,
  type Node,
} from "../syntax/node.ts";
import { fork } from "./branch.ts";
import { evaluateClass } from "./classes.ts";
import { keyOf, keysOf } from "./key.ts";
import { concat, evaluateBinary, evaluateUnary } from "./operators.ts";
import { placeOf, step, transactionOf, truth, type Machine } from "./machine.ts";
import { lookUp, type Scope } from "./scope.ts";
import { assignTo } from "./assign.ts";
import {
  COMPUTED,
  constant,
  dependent,
  depsOf,
  get,
  NO_DEPS,
  nullishness,
  operation,
  truthiness,
  UNDEFINED,
  union,
  unknown,
  type Closure,
  type Value,
} from "./value.ts";

type Evaluator = (machine: Machine, node: Node, scope: Scope) => Value;

const EVALUATORS: Readonly<Record<string, Evaluator>> = {
  Literal: evaluateLiteral,
  Identifier: (_, node, scope) => evaluateName(text(node, "name"), scope),
  ThisExpression: (machine) => machine.activations.at(-1)?.self ?? unknown("this"),
  Super: (machine) => superOf(machine),
  TemplateLiteral: (machine, node, scope) => evaluateTemplate(machine, node, scope),
  TaggedTemplateExpression: evaluateTagged,
  ObjectExpression: evaluateObject,
  ArrayExpression: evaluateArray,
  ArrowFunctionExpression: evaluateFunction,
  FunctionExpression: evaluateFunction,
  ClassExpression: evaluateClass,
  MemberExpression: evaluateMember,
  CallExpression: evaluateCall,
  NewExpression: evaluateCall,
  ImportExpression: evaluateImport,
  AwaitExpression: (machine, node, scope) => machine.settle(operand(machine, node, scope)),
  YieldExpression: (machine, node, scope) => machine.settle(operand(machine, node, scope)),
  UnaryExpression: evaluateUnary,
  BinaryExpression: evaluateBinary,
  LogicalExpression: evaluateLogical,
  ConditionalExpression: evaluateConditional,
  AssignmentExpression: assignTo,
  UpdateExpression: assignTo,
  SequenceExpression: (machine, node, scope) =>
    children(node, "expressions")
      .map((entry) => machine.evaluate(entry, scope))
      .at(-1) ?? UNDEFINED,
  JSXElement: evaluateJsx,
  JSXFragment: evaluateJsx,
};

export function evaluate(machine: Machine, node: Node, scope: Scope): Value {
  step(machine);
  const inner = bare(node);
  const evaluator = EVALUATORS[inner.type];
  return evaluator ? evaluator(machine, inner, scope) : unknown(inner.type);
}

function operand(machine: Machine, node: Node, scope: Scope): Value {
  const argument = child(node, "argument");
  return argument ? machine.evaluate(argument, scope) : UNDEFINED;
}

function evaluateLiteral(_: Machine, node: Node): Value {
  const value = field(node, "value");
  if (value === null || ["string", "number", "boolean", "bigint"].includes(typeof value)) {
    return constant(value as string | number | boolean | bigint | null);
  }
  return unknown("literal");
}

function evaluateName(name: string, scope: Scope): Value {
  if (name === "undefined") return UNDEFINED;
  return lookUp(scope, name) ?? declareGlobal(scope, name);
}

/** A name from nowhere is the same thing wherever the file names it. */
function declareGlobal(scope: Scope, name: string): Value {
  let outermost = scope;
  while (outermost.outer) outermost = outermost.outer;
  const value = unknown(name);
  outermost.values.set(name, value);
  return value;
}

function superOf(machine: Machine): Value {
  const self = machine.activations.at(-1)?.self;
  return (self?.kind === "instance" ? self.of.parent : undefined) ?? unknown("super");
}

function evaluateTemplate(machine: Machine, node: Node, scope: Scope, tag?: Value): Value {
  const texts = children(node, "quasis").map((quasi) => {
    const value = field(quasi, "value") as { cooked?: string; raw?: string } | undefined;
    return value?.cooked ?? value?.raw ?? "";
  });
  const holes = children(node, "expressions").map((entry) => machine.evaluate(entry, scope));
  if (tag) return { kind: "template", texts, holes, tag, deps: depsOf(holes), place: placeOf(scope, node) };
  return texts
    .slice(1)
    .reduce<Value>(
      (left, next, at) =>
        concat(
          concat(left, holes[at] ?? UNDEFINED, placeOf(scope, node)),
          constant(next),
          placeOf(scope, node),
        ),
      constant(texts[0] ?? ""),
    );
}

function evaluateTagged(machine: Machine, node: Node, scope: Scope): Value {
  const tag = child(node, "tag");
  const quasi = child(node, "quasi");
  if (!tag || !quasi) return unknown("tagged");
  const value = evaluateTemplate(machine, quasi, scope, machine.evaluate(tag, scope));
  return value.kind === "template" ? { ...value, place: placeOf(scope, node) } : value;
}

function evaluateObject(machine: Machine, node: Node, scope: Scope): Value {
  const fields = new Map<string, Value>();
  let open = false;
  for (const property of children(node, "properties")) {
    if (property.type === "SpreadElement") {
      const spread = operand(machine, property, scope);
      if (spread.kind === "record") for (const [name, value] of spread.fields) fields.set(name, value);
      if (spread.kind !== "record" || spread.open) open = !(spread.kind === "constant") || open;
      continue;
    }
    const key = child(property, "key");
    const computed = flag(property, "computed");
    const names = computed && key ? keysOf(machine.evaluate(key, scope)) : [nameOf(key)];
    const given = child(property, "value");
    if (!given) continue;
    const value = machine.evaluate(given, scope);
    for (const name of names) fields.set(name ?? COMPUTED, value);
    if (names.includes(undefined)) open = true;
  }
  const record: Value = {
    kind: "record",
    fields,
    open,
    place: placeOf(scope, node),
    deps: depsOf([...fields.values()]),
  };
  for (const value of fields.values()) if (value.kind === "closure") ownMethod(value, record);
  return record;
}

/** A method of an object literal sees the object as `this`. */
function ownMethod(closure: Closure, record: Value): void {
  if (closure.node.type !== "ArrowFunctionExpression" && closure.self === undefined) {
    (closure as { self?: Value }).self = record;
  }
}

function evaluateArray(machine: Machine, node: Node, scope: Scope): Value {
  let open = false;
  const items = slots(node, "elements").flatMap((entry): Value[] => {
    if (!entry) return [UNDEFINED];
    if (entry.type !== "SpreadElement") return [machine.evaluate(entry, scope)];
    const spread = operand(machine, entry, scope);
    if (spread.kind === "list") return spread.items;
    open = true;
    return [get(spread, "*")];
  });
  return { kind: "list", items, open, deps: depsOf(items) };
}

export function evaluateFunction(machine: Machine, node: Node, scope: Scope, name = ""): Value {
  const own = nameOf(child(node, "id")) ?? name;
  const self = node.type === "ArrowFunctionExpression" ? machine.activations.at(-1)?.self : undefined;
  const closure: Closure = { kind: "closure", node, scope, path: scope.path, name: own, self, deps: NO_DEPS };
  machine.closures.set(node, closure);
  return closure;
}

function evaluateMember(machine: Machine, node: Node, scope: Scope): Value {
  const object = child(node, "object");
  const property = child(node, "property");
  if (!object || !property) return unknown("member");
  const base = machine.evaluate(object, scope);
  const name = flag(node, "computed") ? keyOf(machine.evaluate(property, scope)) : nameOf(property);
  return machine.member(base, name);
}

function evaluateCall(machine: Machine, node: Node, scope: Scope): Value {
  const calleeNode = child(node, "callee");
  if (!calleeNode) return unknown("call");
  const inner = bare(calleeNode);
  let self: Value | undefined;
  let callee: Value;
  const object = inner.type === "MemberExpression" ? child(inner, "object") : undefined;
  if (object) {
    self = machine.evaluate(object, scope);
    const property = child(inner, "property");
    const name =
      flag(inner, "computed") && property ? keyOf(machine.evaluate(property, scope)) : nameOf(property);
    callee = machine.member(self, name);
    if (object.type === "Super") self = machine.activations.at(-1)?.self;
  } else callee = machine.evaluate(inner, scope);
  const args = evaluateArguments(machine, node, scope);
  return machine.invoke({
    callee,
    args,
    self,
    isNew: node.type === "NewExpression",
    place: placeOf(scope, node),
  });
}

function evaluateArguments(machine: Machine, node: Node, scope: Scope): Value[] {
  return children(node, "arguments").flatMap((argument): Value[] => {
    if (argument.type !== "SpreadElement") return [machine.evaluate(argument, scope)];
    const spread = operand(machine, argument, scope);
    return spread.kind === "list" ? spread.items : [get(spread, "*")];
  });
}

function evaluateImport(machine: Machine, node: Node, scope: Scope): Value {
  const source = child(node, "source");
  const specifier = source?.type === "Literal" ? String(field(source, "value")) : undefined;
  if (specifier === undefined) return unknown("import");
  return machine.linker.imported(scope.path, specifier, "*") ?? unknown(specifier, "import");
}

function evaluateLogical(machine: Machine, node: Node, scope: Scope): Value {
  const leftNode = child(node, "left");
  const rightNode = child(node, "right");
  if (!leftNode || !rightNode) return unknown("logical");
  const left = machine.evaluate(leftNode, scope);
  const operator = text(node, "operator");
  const isHandle = transactionOf(machine, left) !== undefined;
  const decided = operator === "??" ? (isHandle ? false : nullishness(left)) : isHandle || truthiness(left);
  const takesRight = operator !== "||";
  if (decided !== undefined) return decided === takesRight ? machine.evaluate(rightNode, scope) : left;
  let right: Value = UNDEFINED;
  const evaluateRight = (): undefined => {
    right = machine.evaluate(rightNode, scope);
  };
  const way = { value: left, place: placeOf(scope, leftNode) };
  if (operator === "&&") fork(machine, { ...way, whenTrue: evaluateRight });
  else fork(machine, { ...way, whenTrue: () => undefined, whenFalse: evaluateRight });
  machine.thrown = false;
  return operator === "&&" || isTest(left) ? operation(operator, [left, right]) : union(left, right);
}

/** A comparison gives no handle and no row: only its truth counts. */
function isTest(value: Value): boolean {
  return value.kind === "operation";
}

function evaluateConditional(machine: Machine, node: Node, scope: Scope): Value {
  const testNode = child(node, "test");
  const then = child(node, "consequent");
  const otherwise = child(node, "alternate");
  if (!testNode || !then || !otherwise) return unknown("conditional");
  const test = machine.evaluate(testNode, scope);
  const decided = truth(machine, test);
  if (decided !== undefined) return machine.evaluate(decided ? then : otherwise, scope);
  const values: Value[] = [];
  const way = (branch: Node) => (): undefined => {
    values.push(machine.evaluate(branch, scope));
    machine.thrown = false;
  };
  fork(machine, {
    value: test,
    place: placeOf(scope, testNode),
    whenTrue: way(then),
    whenFalse: way(otherwise),
  });
  return dependent(union(...values), test.deps);
}

function evaluateJsx(machine: Machine, node: Node, scope: Scope): Value {
  for (const entry of children(node, "children")) {
    const inner = child(entry, "expression");
    if (entry.type === "JSXExpressionContainer" && inner) machine.evaluate(inner, scope);
    else if (entry.type === "JSXElement" || entry.type === "JSXFragment") machine.evaluate(entry, scope);
  }
  const attributes = children(child(node, "openingElement") ?? node, "attributes");
  for (const attribute of attributes) {
    const container = child(attribute, "value");
    const inner = container && child(container, "expression");
    if (inner && isFunction(inner)) machine.evaluate(inner, scope);
  }
  return unknown("jsx");
}
