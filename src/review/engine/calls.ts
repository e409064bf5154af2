/** Calls: what is known is carried out in place; what isn't stays in the chain. */
import { fork } from "./branch.ts";
import { callBuiltin } from "./builtins.ts";
import { instantiate } from "./classes.ts";
import { callBack, inline, isAsync, makeCall } from "./inlining.ts";
import type { Invocation, Machine } from "./machine.ts";
import { decimalOperation } from "./operators.ts";
import { callTransaction } from "./transactions.ts";
import { chainOf, depsOf, displayName, UNDEFINED, union, unknown, type Call, type Value } from "./value.ts";

export function invoke(machine: Machine, call: Invocation): Value {
  const { callee, args, place } = call;
  if (callee.kind === "union") return invokeOneOf(machine, call, callee.options);
  if (callee.kind === "closure") {
    return inline(machine, callee, { args: [...(callee.bound ?? []), ...args], place, self: call.self });
  }
  if (callee.kind === "class" && call.isNew) return instantiate(machine, callee, args);
  if (callee.kind === "class") return invokeSuper(machine, callee, args);
  return (
    callTransaction(machine, call) ??
    callBuiltin(machine, call) ??
    decimalOperation(callee, args) ??
    callUnknown(machine, call)
  );
}

/** `super(…)` gives the fields of the parent to the child. */
function invokeSuper(machine: Machine, parent: Value & { kind: "class" }, args: readonly Value[]): Value {
  const self = machine.activations.at(-1)?.self;
  if (self?.kind === "instance") {
    for (const [name, value] of instantiate(machine, parent, args).fields) self.fields.set(name, value);
  }
  return UNDEFINED;
}

function invokeOneOf(machine: Machine, call: Invocation, options: readonly Value[]): Value {
  const closures = options.filter((option) => option.kind === "closure");
  if (closures.length === 0) return union(...options.map((callee) => invoke(machine, { ...call, callee })));
  const values = closures.map((callee): Value => {
    let value: Value = UNDEFINED;
    const way = (): undefined => {
      value = invoke(machine, { ...call, callee });
    };
    if (closures.length === options.length && closures.length === 1) way();
    else fork(machine, { value: unknown(displayName(callee)), place: call.place, whenTrue: way });
    return value;
  });
  return union(...values);
}

/** A call of what isn't known: its callbacks may run, and the call stays as it is. */
function callUnknown(machine: Machine, call: Invocation): Value {
  const made = makeCall(machine, call);
  if (isAnswer(made)) for (const { test } of machine.guards) test.exits ??= "return";
  const closures = call.args.filter((value) => value.kind === "closure");
  const [only] = closures;
  if (!only) return made;
  const last = call.args.at(-1);
  if (last?.kind === "closure" && takesCallback(machine, made)) {
    const result = machine.settle(made);
    callBack(machine, last, call, [unknown("error", "element"), result]);
    return result;
  }
  if (runsLater(machine, call)) {
    for (const closure of closures)
      machine.deferred.push({ closure, name: routeName(call), place: call.place });
    return made;
  }
  const values = new Map(closures.map((closure) => [closure as Value, callBack(machine, closure, call)]));
  if (closures.length === 1 && isAsync(only.node)) return values.get(only) ?? made;
  // A builder's callback says with what it returns what is set or compared.
  const args = call.args.map((argument) => informative(values.get(argument)) ?? argument);
  return { ...made, args, deps: depsOf([made, ...args]) };
}

/** `reject(error)`, `next(error)`, `res.status(402).json(…)`: a branch that does this leaves, as far as the caller sees. */
function isAnswer({ callee }: Call): boolean {
  if (callee.kind === "unknown") return /^(?:reject|resolve|next|done|cb|callback)$/.test(callee.name);
  const { root, links } = chainOf(callee);
  const last = links.at(-1)?.name ?? "";
  return /^(?:res|reply|response)$/i.test(displayName(root)) && /^(?:json|send\w*|end|redirect)$/.test(last);
}

/** `connection.query(sql, params, (error, rows) => …)`: the callback runs when the statement has run. */
function takesCallback(machine: Machine, call: Call): boolean {
  const name = call.callee.kind === "get" ? (call.callee.name ?? "") : "";
  return (
    /^(?:query|execute|run|get|all|beginTransaction|commit|rollback)$/.test(name) &&
    machine.recognise(call).some(({ library }) => library === "sql")
  );
}

function informative(value: Value | undefined): Value | undefined {
  return value &&
    ["record", "call", "template", "list", "constant"].includes(value.kind) &&
    !(value.kind === "constant" && value.value === undefined)
    ? value
    : undefined;
}

const LATER =
  /^(?:on|once|setTimeout|setInterval|setImmediate|nextTick|post|get|put|patch|delete|use|all|route|process|schedule|cron|addEventListener|handle|handler|subscribe|consume|register|job|task|queueMicrotask|describe|it|test|beforeEach|afterEach|createFunction|onCall|onRequest|command|action|procedure|mutation|query|resolver|after|waitUntil)$/;

/** Route handlers, timers and listeners run by themselves: with no transaction and no condition of the place here. */
function runsLater(machine: Machine, { callee }: Invocation): boolean {
  if (callee.kind !== "get" && callee.kind !== "unknown") return machine.activations.length === 0;
  const name = callee.kind === "get" ? (callee.name ?? "") : callee.name;
  return LATER.test(name) || (machine.activations.length === 0 && machine.enclosing.length === 0);
}

/** The path or the name that a handler is registered under. */
function routeName({ callee, args }: Invocation): string {
  const [first] = args;
  const path = first?.kind === "constant" && typeof first.value === "string" ? first.value : "";
  return `${displayName(callee)} ${path}`.trim();
}
