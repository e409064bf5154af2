/** Bodies of functions, evaluated where they are called: a helper means what its body does. */
import { child, children, text, type Node } from "../syntax/node.ts";
import { declareNames } from "./assign.ts";
import { under } from "./branch.ts";
import { elementOf, hasDecorator, typeNames } from "./classes.ts";
import { addTest, newTransaction, type Invocation, type Machine } from "./machine.ts";
import { returned } from "./statements.ts";
import { newScope, type Scope } from "./scope.ts";
import {
  depsOf,
  displayName,
  NO_DEPS,
  UNDEFINED,
  union,
  unknown,
  type Call,
  type Closure,
  type Place,
  type Value,
} from "./value.ts";

/** Deeper call chains aren't followed. */
const DEPTH_MAX = 24;

export function makeCall(machine: Machine, { callee, args, isNew = false, place }: Invocation): Call {
  return {
    kind: "call",
    callee,
    args,
    isNew,
    place,
    deps: depsOf([callee, ...args]),
    guards: machine.guards.map(({ test }) => test.id),
  };
}

const EACH =
  /^(?:map|forEach|filter|find|findIndex|some|every|flatMap|each|eachSeries|reduce|sort|mapSeries|mapLimit)$/;

/** A callback of something unknown: for each element, or once. */
export function callBack(
  machine: Machine,
  closure: Closure,
  call: Invocation,
  args?: readonly Value[],
): Value {
  const name = call.callee.kind === "get" ? (call.callee.name ?? "") : displayName(call.callee);
  const thrownBefore = machine.thrown;
  const evaluateOnce = (): Value => {
    const value = inline(machine, closure, {
      args: args ?? [],
      place: call.place,
      self: undefined,
      unknownArgs: true,
    });
    machine.thrown = thrownBefore;
    return value;
  };
  if (!EACH.test(name)) return evaluateOnce();
  const list = call.callee.kind === "get" ? call.callee.base : UNDEFINED;
  const test = addTest(machine, { value: list, place: call.place, kind: "loop" });
  return under(machine, { test, holds: true, until: "branch" }, evaluateOnce);
}

export interface Inlined {
  readonly args: readonly Value[];
  readonly place: Place | undefined;
  readonly self: Value | undefined;
  /** Parameters without an argument aren't undefined but unknown. */
  readonly unknownArgs?: boolean;
  /** What the entry point is called, where the function has no name. */
  readonly name?: string;
}

/** Evaluates the body of a function with these arguments. */
export function inline(machine: Machine, closure: Closure, call: Inlined): Value {
  const { node } = closure;
  const body = child(node, "body");
  const recursive = machine.activations.filter((activation) => activation.node === node).length > 0;
  if (!body) return unknown(closure.name);
  if (recursive || machine.activations.length > DEPTH_MAX || !isWorthwhile(machine, closure))
    return unknown(closure.name, "global", depsOf(call.args));
  machine.visited.add(node);
  const scope = newScope(closure.path, closure.scope);
  const self = closure.self ?? call.self;
  machine.activations.push({ node, self, returns: [], guardsBefore: machine.guards.length });
  machine.frames.push({
    name: call.name ?? closure.name,
    place: { path: closure.path, start: node.start, end: node.end },
    call: call.place,
  });
  const leave = enterDecorated(machine, closure, self);
  bindParameters(machine, node, scope, call);
  const value = run(machine, body, scope);
  leave();
  machine.frames.pop();
  machine.activations.pop();
  return value;
}

/** Functions with more statements are only followed when their words say that they may touch rows or quota. */
const SHORT = 6;
const TOUCHES_ROWS =
  /quota|credit|balance|points?\b|token|wallet|refund|transaction|\btrx\b|\btx\b|query|execute|\bsql\b|select|update|insert|\.save|findOne|findUnique|forUpdate|prisma|knex|lock|member|subscri|扣|返还|配额|会员/i;

function isWorthwhile(machine: Machine, { node, path, name }: Closure): boolean {
  const body = child(node, "body");
  if (machine.activations.length === 0 || !body || children(body, "body").length <= SHORT) return true;
  const known = machine.worthwhile.get(node);
  if (known !== undefined) return known;
  const found =
    TOUCHES_ROWS.test(name) || TOUCHES_ROWS.test(machine.linker.source(path).slice(node.start, node.end));
  machine.worthwhile.set(node, found);
  return found;
}

function run(machine: Machine, body: Node, scope: Scope): Value {
  const before = machine.guards.length;
  const activation = machine.activations.at(-1);
  if (body.type !== "BlockStatement" && body.type !== "FunctionBody") {
    return returned(machine, machine.evaluate(body, scope));
  }
  const completion = machine.execute({ ...body, type: "BlockStatement" }, scope);
  machine.guards = machine.guards.filter((guard, at) => at < before || guard.until === "throw");
  const returns = activation?.returns ?? [];
  if (completion === "throw" && returns.length === 0) machine.thrown = true;
  return completion === undefined
    ? union(...returns, UNDEFINED)
    : union(...(returns.length > 0 ? returns : [UNDEFINED]));
}

export function isAsync(node: Node): boolean {
  return "async" in node && node.async === true;
}

function bindParameters(machine: Machine, node: Node, scope: Scope, call: Inlined): void {
  machine.log.declare(scope, "arguments", {
    kind: "list",
    items: [...call.args],
    open: false,
    deps: NO_DEPS,
  });
  children(node, "params").forEach((param, at) => {
    declareNames(machine, param, scope);
    if (param.type === "RestElement") {
      const items = call.args.slice(at);
      machine.bind(
        param,
        { kind: "list", items, open: call.unknownArgs === true, deps: depsOf(items) },
        scope,
      );
      return;
    }
    const value =
      call.args[at] ?? (call.unknownArgs ? parameter(machine, param, isRoot(machine)) : UNDEFINED);
    machine.bind(param, value, scope);
  });
}

function isRoot(machine: Machine): boolean {
  return machine.frames.length <= 1;
}

/** A parameter of an entry point, or an element that a callback is given. */
function parameter(machine: Machine, param: Node, root: boolean): Value {
  const target = param.type === "AssignmentPattern" ? (child(param, "left") ?? param) : param;
  const name = text(target, "name");
  const types = typeNames(target);
  const known = types[0] === undefined ? undefined : machine.linker.instanceOfType(types[0]);
  return known ?? { kind: "unknown", name, role: root ? "parameter" : "element", types, deps: NO_DEPS };
}

/** A method under `@Transactional()` runs in a transaction that its statements find by themselves. */
function enterDecorated(machine: Machine, closure: Closure, self: Value | undefined): () => void {
  const of = self?.kind === "instance" ? self.of : undefined;
  const element = of && elementOf(of, closure.node);
  if (!element || !hasDecorator(element, /^Transactional$|^Transaction$|^UseTransaction$/))
    return () => undefined;
  const place = { path: closure.path, start: element.start, end: element.end };
  const transaction = newTransaction(machine, "ambient", place);
  machine.ambient.push(transaction);
  machine.enclosing.push(transaction);
  return () => {
    machine.ambient.pop();
    machine.enclosing.pop();
    machine.trace.ended.set(transaction.id, machine.trace.effects.length);
  };
}
