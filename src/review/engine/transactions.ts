/** Functions that run their callback in a transaction. */
import { children, text } from "../syntax/node.ts";
import { inline, makeCall } from "./inlining.ts";
import { newTransaction, type Invocation, type Machine } from "./machine.ts";
import type { Transaction } from "./effect.ts";
import { flush } from "./settle.ts";
import {
  chainOf,
  displayName,
  NO_DEPS,
  stringOf,
  unknown,
  type Closure,
  type Unknown,
  type Value,
} from "./value.ts";

const OF_LIBRARIES = /^(?:\$?transaction|begin|execute|tx|task)$/;
const BY_NAME =
  /^(?:\$?transaction|transactional|atomic|atomically|begin|tx|in_?tx|with_?(?:tx|trx)|run_?in_?tx|(?:run|with|in|use|execute|exec|do|managed|start|create|wrap|perform|db|new)\w*(?:transaction|tx|trx)\w*|transaction\w*)$/i;

/** A call such as `db.transaction(async (trx) => …)`; undefined when it is none. */
export function callTransaction(machine: Machine, call: Invocation): Value | undefined {
  const { callee, args } = call;
  if (callee.kind !== "get" && callee.kind !== "unknown") return undefined;
  const name = callee.name ?? "";
  const [first] = args;
  if (name === "$transaction" && first?.kind === "list") return callBatch(machine, call, first.items);
  const closure = args.find((value) => value.kind === "closure");
  if (!closure) return undefined;
  const isExecute = name === "execute" && chainOf(callee).links.some((link) => link.name === "transaction");
  if (name === "execute" ? !isExecute : !BY_NAME.test(name)) return undefined;
  return callCallback(machine, call, closure);
}

/** Prisma's `$transaction([…])`: statements that were made before are run in a row. */
function callBatch(machine: Machine, call: Invocation, items: readonly Value[]): Value {
  const transaction = newTransaction(machine, "callback", call.place, isSerializable(call));
  machine.ambient.push(transaction);
  machine.enclosing.push(transaction);
  const values = items.map((item) => machine.settle(item));
  leave(machine, transaction);
  machine.ambient.pop();
  return { kind: "list", items: values, open: false, deps: NO_DEPS };
}

function leave(machine: Machine, transaction: Transaction): void {
  machine.enclosing.pop();
  machine.trace.ended.set(transaction.id, machine.trace.effects.length);
}

function callCallback(machine: Machine, call: Invocation, closure: Closure): Value {
  const { callee } = call;
  const name = displayName(callee);
  const source = machine.linker.source(closure.path).slice(closure.node.start, closure.node.end);
  const params = children(closure.node, "params");
  const isSqlite = /\.prepare\s*\(/.test(source) && !/\bawait\b/.test(source);
  const isFirestore = name === "runTransaction" && /\.get\s*\(/.test(source);
  const isAmbient =
    isSqlite ||
    name === "transactional" ||
    machine.linker.ambientTransactions ||
    (params.length === 0 && !OF_LIBRARIES.test(name));
  const outer = callee.kind === "get" ? machine.enclosing.find(({ kind }) => kind === "ambient") : undefined;
  const transaction =
    outer ??
    newTransaction(
      machine,
      isAmbient ? "ambient" : "callback",
      call.place,
      isSerializable(call) || isSqlite || isFirestore,
    );
  const handle: Unknown = {
    kind: "unknown",
    name: text(params[0] ?? closure.node, "name") || "transaction",
    role: "element",
    types: [],
    deps: NO_DEPS,
  };
  machine.open = new Map([...machine.open, [handle, transaction]]);
  // `session.withTransaction(…)`: the session is the handle.
  if (callee.kind === "get" && name === "withTransaction")
    machine.open = new Map([...machine.open, [callee.base, transaction]]);
  machine.enclosing.push(transaction);
  if (isAmbient) machine.ambient.push(transaction);
  const value = inline(machine, closure, {
    args: isSqlite ? [] : [handle],
    place: call.place,
    self: undefined,
    unknownArgs: true,
  });
  flush(machine, call.place, makeCall(machine, { ...call, args: [] }));
  if (isAmbient) machine.ambient.pop();
  leave(machine, transaction);
  // better-sqlite3 gives a function, which is judged here where it is made.
  if (isSqlite) return unknown(name);
  return value;
}

/** Isolation as an option, as a first argument, or set on the builder before. */
function isSerializable(call: Invocation): boolean {
  const earlier = chainOf(call.callee).links.flatMap((link) => link.args ?? []);
  return [...call.args, ...earlier].some((argument) => saysSerializable(argument, 0));
}

function saysSerializable(value: Value, depth: number): boolean {
  if (/serializable/i.test(stringOf(value) ?? "")) return true;
  if (value.kind === "get") return /serializable/i.test(value.name ?? "");
  if (value.kind !== "record" || depth > 2) return false;
  return [...value.fields].some(
    ([name, field]) => /isolation/i.test(name) && saysSerializable(field, depth + 1),
  );
}
