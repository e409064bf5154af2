/** Statements, one after the other. */
import { bare, child, children, isFunction, nameOf, type Node } from "../syntax/node.ts";
import { declareNames } from "./assign.ts";
import { fork, loop, under } from "./branch.ts";
import { handlingOf } from "./catch-clause.ts";
import { evaluateClass } from "./classes.ts";
import { evaluateFunction } from "./expressions.ts";
import { addTest, depsOfGuards, placeOf, step, truth, type Completion, type Machine } from "./machine.ts";
import { element } from "./operators.ts";
import { newScope, type Scope } from "./scope.ts";
import { ancestors, dependent, operation, truthiness, UNDEFINED, unknown, type Value } from "./value.ts";

type Executor = (machine: Machine, node: Node, scope: Scope) => Completion;

const EXECUTORS: Readonly<Record<string, Executor>> = {
  BlockStatement: (machine, node, scope) =>
    executeAll(machine, children(node, "body"), newScope(scope.path, scope)),
  StaticBlock: (machine, node, scope) =>
    executeAll(machine, children(node, "body"), newScope(scope.path, scope)),
  VariableDeclaration: declareVariables,
  ExpressionStatement: executeExpression,
  ReturnStatement: executeReturn,
  ThrowStatement: executeThrow,
  IfStatement: executeIf,
  ForStatement: executeFor,
  ForInStatement: executeForEach,
  ForOfStatement: executeForEach,
  WhileStatement: executeWhile,
  DoWhileStatement: executeWhile,
  SwitchStatement: executeSwitch,
  TryStatement: executeTry,
  LabeledStatement: (machine, node, scope) => inner(machine, node, scope, "body"),
  BreakStatement: () => "break",
  ContinueStatement: () => "continue",
  ClassDeclaration: (machine, node, scope) => {
    machine.log.declare(scope, nameOf(child(node, "id")) ?? "default", evaluateClass(machine, node, scope));
    return undefined;
  },
  ExportNamedDeclaration: (machine, node, scope) => inner(machine, node, scope, "declaration"),
  ExportDefaultDeclaration: executeDefault,
};

export function execute(machine: Machine, node: Node, scope: Scope): Completion {
  step(machine);
  const completion = EXECUTORS[node.type]?.(machine, node, scope);
  if (!machine.thrown) return completion;
  machine.thrown = false;
  return "throw";
}

/** Function declarations are there before anything runs. */
export function executeAll(machine: Machine, body: readonly Node[], scope: Scope): Completion {
  for (const node of body) {
    const declared = node.type.startsWith("Export") ? (child(node, "declaration") ?? node) : node;
    if (declared.type !== "FunctionDeclaration") continue;
    machine.log.declare(
      scope,
      nameOf(child(declared, "id")) ?? "default",
      evaluateFunction(machine, declared, scope),
    );
  }
  for (const node of body) {
    const completion = machine.execute(node, scope);
    if (completion !== undefined) return completion;
  }
  return undefined;
}

function inner(machine: Machine, node: Node, scope: Scope, name: string): Completion {
  const body = child(node, name);
  return body ? machine.execute(body, scope) : undefined;
}

function executeDefault(machine: Machine, node: Node, scope: Scope): Completion {
  const declaration = child(node, "declaration");
  if (!declaration) return undefined;
  const known = declaration.type === "FunctionDeclaration" || declaration.type === "ClassDeclaration";
  if (known && child(declaration, "id")) return machine.execute(declaration, scope);
  const value = isFunction(declaration)
    ? evaluateFunction(machine, declaration, scope, "default")
    : declaration.type === "ClassDeclaration"
      ? evaluateClass(machine, declaration, scope)
      : machine.evaluate(declaration, scope);
  machine.log.declare(scope, "default", value);
  return undefined;
}

function declareVariables(machine: Machine, node: Node, scope: Scope): Completion {
  for (const declarator of children(node, "declarations")) {
    const id = child(declarator, "id");
    if (!id) continue;
    const init = child(declarator, "init");
    const value = init ? evaluateNamed(machine, init, scope, nameOf(id) ?? "") : UNDEFINED;
    declareNames(machine, id, scope);
    machine.bind(id, value, scope);
  }
  return undefined;
}

function evaluateNamed(machine: Machine, node: Node, scope: Scope, name: string): Value {
  const init = bare(node);
  if (isFunction(init)) return evaluateFunction(machine, init, scope, name);
  const value = machine.evaluate(node, scope);
  // `const User = require("./user")`: the thing is called as the file calls it.
  const isRequired = value.kind === "unknown" && value.role === "import" && init.type === "CallExpression";
  return isRequired && name !== "" ? { ...value, name } : value;
}

function executeExpression(machine: Machine, node: Node, scope: Scope): Completion {
  const expression = child(node, "expression");
  if (!expression) return undefined;
  const value = machine.evaluate(expression, scope);
  const holder = holderOf(bare(expression));
  const held = holder === undefined ? undefined : machine.evaluate(holder, scope);
  // `query.forUpdate()` on its own changes the query that the variable holds, and doesn't run it.
  if (
    holder &&
    held?.kind === "call" &&
    value.kind === "call" &&
    [...ancestors(value)].includes(held) &&
    machine.recognise(held).length > 0
  )
    machine.bind(holder, value, scope);
  else machine.settle(value);
  return undefined;
}

/** The name at the beginning of a chain of calls. */
function holderOf(node: Node): Node | undefined {
  let at: Node | undefined = node;
  if (at.type !== "CallExpression") return undefined;
  while (at && at.type !== "Identifier") {
    const next: Node | undefined = child(at, "callee") ?? child(at, "object");
    at = next && bare(next);
  }
  return at;
}

function executeReturn(machine: Machine, node: Node, scope: Scope): Completion {
  const argument = child(node, "argument");
  const value = argument ? machine.evaluate(argument, scope) : UNDEFINED;
  if (machine.thrown) return undefined;
  machine.activations.at(-1)?.returns.push(returned(machine, value));
  return "return";
}

/** What is returned depends on the conditions under which it is. */
export function returned(machine: Machine, value: Value): Value {
  const node = machine.activations.at(-1)?.node;
  const isAsync = node !== undefined && "async" in node && node.async === true;
  const runs =
    isAsync ||
    ((value.kind === "call" || value.kind === "template") &&
      machine.recognise(value).some(({ verb }) => verb !== "read"));
  return dependent(runs ? machine.settle(value) : value, depsOfGuards(machine));
}

function executeThrow(machine: Machine, node: Node, scope: Scope): Completion {
  const argument = child(node, "argument");
  if (argument) machine.evaluate(argument, scope);
  return "throw";
}

function executeIf(machine: Machine, node: Node, scope: Scope): Completion {
  const test = child(node, "test");
  const then = child(node, "consequent");
  const otherwise = child(node, "alternate");
  if (!test || !then) return undefined;
  const value = machine.evaluate(test, scope);
  if (machine.thrown) return undefined;
  const decided = truth(machine, value);
  if (decided === true) return machine.execute(then, scope);
  if (decided === false) return otherwise ? machine.execute(otherwise, scope) : undefined;
  return fork(machine, {
    value,
    place: placeOf(scope, test),
    whenTrue: () => machine.execute(then, scope),
    ...(otherwise ? { whenFalse: () => machine.execute(otherwise, scope) } : {}),
  });
}

function executeFor(machine: Machine, node: Node, outer: Scope): Completion {
  const scope = newScope(outer.path, outer);
  const init = child(node, "init");
  if (init?.type === "VariableDeclaration") machine.execute(init, scope);
  else if (init) machine.evaluate(init, scope);
  // The counter isn't known inside the loop.
  for (const name of scope.values.keys()) machine.log.declare(scope, name, unknown(name, "element"));
  return repeat(machine, node, scope);
}

function executeWhile(machine: Machine, node: Node, scope: Scope): Completion {
  return repeat(machine, node, scope);
}

/** A loop whose body certainly runs once, such as `for (;;)` or `do`, adds no condition. */
function repeat(machine: Machine, node: Node, scope: Scope): Completion {
  const test = child(node, "test");
  const body = child(node, "body");
  if (!body) return undefined;
  const always = node.type === "DoWhileStatement" || !test || isRetry(machine, node);
  const value = test && node.type !== "DoWhileStatement" ? machine.evaluate(test, scope) : UNDEFINED;
  if (always || truthiness(value) === true) {
    const completion = machine.execute(body, scope);
    if (node.type === "DoWhileStatement" && test && completion === undefined) machine.evaluate(test, scope);
    return completion === "break" || completion === "continue" ? undefined : completion;
  }
  loop(machine, { value, place: placeOf(scope, test) }, () => machine.execute(body, scope));
  return undefined;
}

/** `for (let attempt = 0; attempt < MAX; attempt++)`: the body runs at least once. */
function isRetry(machine: Machine, node: Node): boolean {
  const source = machine.linker.source(machine.frames.at(-1)?.place.path ?? "");
  const test = child(node, "test");
  return (
    node.type === "ForStatement" &&
    test !== undefined &&
    /attempt|retr|tries/i.test(source.slice(test.start, test.end))
  );
}

function executeForEach(machine: Machine, node: Node, outer: Scope): Completion {
  const scope = newScope(outer.path, outer);
  const left = child(node, "left");
  const right = child(node, "right");
  const body = child(node, "body");
  if (!left || !right || !body) return undefined;
  const list = machine.settle(machine.evaluate(right, scope));
  const target =
    left.type === "VariableDeclaration" ? child(children(left, "declarations")[0] ?? left, "id") : left;
  loop(machine, { value: list, place: placeOf(scope, right) }, () => {
    if (target && left.type === "VariableDeclaration") declareNames(machine, target, scope);
    if (target) machine.bind(target, element(list), scope);
    return machine.execute(body, scope);
  });
  return undefined;
}

function executeSwitch(machine: Machine, node: Node, outer: Scope): Completion {
  const discriminant = child(node, "discriminant");
  if (!discriminant) return undefined;
  const scope = newScope(outer.path, outer);
  const value = machine.evaluate(discriminant, scope);
  const before = machine.guards.length;
  const completion = executeCases(machine, { cases: children(node, "cases"), value, scope });
  machine.guards = machine.guards.filter((guard, at) => at < before || guard.until !== "branch");
  return completion === "break" ? undefined : completion;
}

interface Cases {
  readonly cases: readonly Node[];
  readonly value: Value;
  readonly scope: Scope;
}

/** Labels without statements belong to the next case. */
function executeCases(machine: Machine, { cases, value, scope }: Cases): Completion {
  const end = cases.findIndex((entry) => children(entry, "consequent").length > 0);
  const own = cases[end];
  if (!own) return undefined;
  const rest = { cases: cases.slice(end + 1), value, scope };
  const run = (): Completion => {
    const completion = executeAll(machine, children(own, "consequent"), newScope(scope.path, scope));
    return completion === "break" ? undefined : completion;
  };
  const labels = cases.slice(0, end + 1).map((entry) => child(entry, "test"));
  if (labels.some((label) => label === undefined)) {
    // `default` stands last nearly always: it is what is left.
    const completion = run();
    return rest.cases.length > 0 ? (executeCases(machine, rest) ?? completion) : completion;
  }
  const tests = labels
    .filter((label) => label !== undefined)
    .map((label) => operation("===", [value, machine.evaluate(label, scope)]));
  const first = labels[0] ?? own;
  const last = labels.at(-1) ?? first;
  return fork(machine, {
    value: tests.length === 1 && tests[0] ? tests[0] : operation("||", tests),
    kind: "switch",
    place: { path: scope.path, start: first.start, end: last.end },
    whenTrue: run,
    whenFalse: () => executeCases(machine, rest),
  });
}

function executeTry(machine: Machine, node: Node, scope: Scope): Completion {
  const block = child(node, "block");
  const handler = child(node, "handler");
  const finalizer = child(node, "finalizer");
  if (!block) return undefined;
  const before = machine.guards.length;
  if (handler)
    machine.tries.push({
      place: placeOf(scope, handler),
      handling: handlingOf(handler, machine.linker.source(scope.path)),
    });
  const completion = machine.execute(block, scope);
  if (handler) machine.tries.pop();
  const caught = handler ? executeCatch(machine, handler, scope) : undefined;
  if (handler) keepGuards(machine, before, caught);
  const last = finalizer ? machine.execute(finalizer, scope) : undefined;
  if (last !== undefined) return last;
  if (!handler) return completion;
  return completion !== undefined && caught !== undefined ? completion : undefined;
}

function executeCatch(machine: Machine, handler: Node, outer: Scope): Completion {
  const scope = newScope(outer.path, outer);
  const param = child(handler, "param");
  const body = child(handler, "body");
  if (!body) return undefined;
  const test = addTest(machine, { value: unknown("error"), place: placeOf(scope, handler), kind: "catch" });
  const mark = machine.log.mark();
  const open = machine.open;
  const completion = under(machine, { test, holds: true, until: "branch" }, () => {
    if (param) {
      declareNames(machine, param, scope);
      machine.bind(param, unknown("error", "element"), scope);
    }
    return machine.execute(body, scope);
  });
  const changed = machine.log.rewind(mark);
  machine.log.join([completion === undefined ? changed : undefined, new Map()]);
  machine.open = open;
  if (completion !== undefined) test.exits = completion === "throw" ? "throw" : "return";
  return completion;
}

/** A throw inside of the block ends the function only when the catch clause ends it too. */
function keepGuards(machine: Machine, before: number, caught: Completion): void {
  machine.guards = machine.guards.flatMap((guard, at) => {
    if (at < before || guard.until !== "throw") return [guard];
    if (caught === "throw") return [guard];
    return caught === "return" ? [{ ...guard, until: "return" as const }] : [];
  });
}
