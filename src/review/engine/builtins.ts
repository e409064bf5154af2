/** Functions of the language and of common libraries that only pass values on. */
import { field, isNode } from "../syntax/node.ts";
import { under } from "./branch.ts";
import { handlingOfCallback } from "./catch-clause.ts";
import { callBack, inline } from "./inlining.ts";
import { addTest, type Invocation, type Machine } from "./machine.ts";
import { concat, element } from "./operators.ts";
import { constant, operation, stringOf, UNDEFINED, unknown, withDeps, type Value } from "./value.ts";

type Builtin = (machine: Machine, call: Invocation, base: Value) => Value | undefined;

/** By the name of the function itself. */
const FUNCTIONS: Readonly<Record<string, Builtin>> = {
  Number: first,
  BigInt: first,
  String: first,
  Boolean: first,
  parseInt: first,
  parseFloat: first,
  structuredClone: first,
  Decimal: first,
  BigNumber: first,
  Big: first,
  toNumber: first,
  promisify: first,
  cache: first,
  memo: first,
  require: callRequire,
  catchAsync: first,
  asyncHandler: first,
  expressAsyncHandler: first,
};

/** By the name of the method, whatever it is called on. */
const METHODS: Readonly<Record<string, Builtin>> = {
  catch: callCatch,
  finally: callFinally,
  call: (machine, call, base) => reinvoke(machine, call, base, call.args.slice(1)),
  apply: (machine, call, base) => {
    const list = call.args[1];
    return reinvoke(machine, call, base, list?.kind === "list" ? list.items : []);
  },
  bind: (_, call, base) =>
    base.kind === "closure"
      ? { ...base, bound: [...(base.bound ?? []), ...call.args.slice(1)], self: base.self ?? call.args[0] }
      : base,
  map: eachElement,
  forEach: eachElement,
  flatMap: eachElement,
  join: joinTexts,
  modify: callModifier,
  $call: callModifier,
};

const STATICS: Readonly<Record<string, Builtin>> = {
  "Promise.all": settleList,
  "Promise.allSettled": settleList,
  "Promise.race": settleList,
  "Promise.any": settleList,
  "Promise.resolve": first,
  "Object.freeze": first,
  "Object.seal": first,
  "util.promisify": first,
  "React.useCallback": first,
  "Math.max": (_, call) => operation("max", call.args),
  "Math.min": (_, call) => operation("min", call.args),
  "Math.abs": (_, call) => operation("abs", call.args),
  "Math.floor": first,
  "Math.ceil": first,
  "Math.round": first,
  "Math.trunc": first,
  "Number.parseInt": first,
  "JSON.parse": first,
  "Array.from": first,
  "Object.values": (_, call) => call.args[0],
  "Object.assign": (machine, call) => assignAll(machine, call),
  "process.exit": throws,
  "process.abort": throws,
};

export function callBuiltin(machine: Machine, call: Invocation): Value | undefined {
  const { callee } = call;
  if (callee.kind === "unknown") return own(FUNCTIONS, callee.name)?.(machine, call, UNDEFINED);
  if (callee.kind !== "get" || callee.name === undefined) return undefined;
  const { base, name } = callee;
  const full = base.kind === "unknown" ? own(STATICS, `${base.name}.${name}`) : undefined;
  return full
    ? full(machine, call, base)
    : (name === "then" ? callThen : own(METHODS, name))?.(machine, call, base);
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function first(_: Machine, call: Invocation): Value | undefined {
  return call.args[0];
}

function throws(machine: Machine): Value {
  machine.thrown = true;
  return UNDEFINED;
}

function callRequire(machine: Machine, call: Invocation): Value | undefined {
  const specifier = stringOf(call.args[0]);
  if (specifier === undefined) return undefined;
  const found = machine.linker.imported(call.place.path, specifier, "*");
  return found ?? { ...unknown(specifier.split("/").at(-1) ?? specifier, "import"), source: specifier };
}

function settleList(machine: Machine, call: Invocation): Value | undefined {
  const [list] = call.args;
  if (list?.kind === "list") return { ...list, items: list.items.map((item) => machine.settle(item)) };
  return list ? machine.settle(list) : undefined;
}

function callThen(machine: Machine, call: Invocation, base: Value): Value | undefined {
  const [onDone, onError] = call.args;
  const value = machine.settle(base);
  if (onError?.kind === "closure") caught(machine, call, onError);
  if (onDone?.kind !== "closure") return onDone ? withDeps(unknown("then"), value.deps) : value;
  return machine.settle(inline(machine, onDone, { args: [value], place: call.place, self: undefined }));
}

/** What stands before has run by now; its errors end here. */
function callCatch(machine: Machine, call: Invocation, base: Value): Value | undefined {
  const [onError] = call.args;
  const node = onError?.kind === "closure" ? onError.node : undefined;
  const body = node && field(node, "body");
  const at = {
    path: call.place.path,
    start: node?.start ?? call.place.start,
    end: node?.end ?? call.place.end,
  };
  const handling = handlingOfCallback(
    isNode(body) ? node : undefined,
    machine.linker.source(call.place.path),
  );
  machine.tries.push({ place: at, handling });
  const value = machine.settle(base);
  machine.tries.pop();
  if (onError?.kind === "closure") caught(machine, call, onError);
  return value;
}

function caught(machine: Machine, call: Invocation, closure: Value & { kind: "closure" }): void {
  const test = addTest(machine, { value: unknown("error"), place: call.place, kind: "catch" });
  under(machine, { test, holds: true, until: "branch" }, () => callBack(machine, closure, call));
  machine.thrown = false;
}

function callFinally(machine: Machine, call: Invocation, base: Value): Value {
  const value = machine.settle(base);
  const [closure] = call.args;
  if (closure?.kind === "closure") callBack(machine, closure, call);
  return value;
}

function reinvoke(
  machine: Machine,
  call: Invocation,
  base: Value,
  args: readonly Value[],
): Value | undefined {
  return base.kind === "closure"
    ? machine.invoke({ ...call, callee: base, args, self: call.args[0] })
    : undefined;
}

/** `list.map(callback)` over a list whose elements are known. */
function eachElement(machine: Machine, call: Invocation, base: Value): Value | undefined {
  const [closure] = call.args;
  if (closure?.kind !== "closure") return undefined;
  const value = callBack(machine, closure, call, [element(base)]);
  return call.callee.kind === "get" && call.callee.name === "forEach"
    ? UNDEFINED
    : { kind: "list", items: [value], open: true, deps: value.deps };
}

/** `["a = 1", "b = 2"].join(", ")`: SQL that is put together from a list. */
function joinTexts(_: Machine, call: Invocation, base: Value): Value | undefined {
  const separator = call.args.length === 0 ? "," : stringOf(call.args[0]);
  if (base.kind !== "list" || base.open || separator === undefined) return undefined;
  return base.items.reduce<Value>(
    (text, item, at) =>
      concat(at > 0 ? concat(text, constant(separator), call.place) : text, item, call.place),
    constant(""),
  );
}

/** `query.modify(locked)` of knex, `query.$call(locked)` of Kysely: what the function adds is part of the query. */
function callModifier(machine: Machine, call: Invocation, base: Value): Value | undefined {
  const [closure, ...rest] = call.args;
  if (closure?.kind !== "closure") return undefined;
  const query = inline(machine, closure, { args: [base, ...rest], place: call.place, self: undefined });
  return query.kind === "call" ? query : undefined;
}

function assignAll(machine: Machine, call: Invocation): Value | undefined {
  const [target, ...sources] = call.args;
  if (!target) return undefined;
  for (const source of sources) {
    if (source.kind !== "record") continue;
    for (const [name, value] of source.fields) {
      if (target.kind === "record") target.fields.set(name, value);
      else setOn(machine, target, name, value);
    }
  }
  return target;
}

function setOn(machine: Machine, target: Value, name: string, value: Value): void {
  const owner = target.kind === "get" ? target.base : target;
  const fields = machine.pending.get(owner) ?? new Map<string, Value>();
  fields.set(name, value);
  machine.pending.set(owner, fields);
}
