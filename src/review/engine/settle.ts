/** What happens when a chain of calls is carried out: statements reach the database, other calls the world. */
import { tableName } from "../vocabulary.ts";
import { ownerOf } from "./assign.ts";
import type { Assignment, Statement } from "./effect.ts";
import { callWorld, lowersBalance } from "./world.ts";
import { addEffect, newTransaction, transactionOf, unfollowed, type Machine } from "./machine.ts";
import {
  ancestors,
  displayName,
  mergeDeps,
  fieldOf,
  union,
  type Call,
  type Deps,
  type Place,
  type Result,
  type Template,
  type Value,
} from "./value.ts";

export function settle(machine: Machine, value: Value): Value {
  if (value.kind === "union") return settleOneOf(machine, value.options);
  if (value.kind === "list") return { ...value, items: value.items.map((item) => settle(machine, item)) };
  if (value.kind !== "call" && (value.kind !== "template" || !value.tag)) return value;
  const known = machine.settled.get(value);
  if (known) return known;
  const saved = save(machine, value);
  const statements = saved ? [] : machine.recognise(value);
  const result =
    saved ?? (statements.length > 0 ? carryOut(machine, value, statements) : callWorld(machine, value));
  machine.settled.set(value, result);
  return result;
}

/** Of several queries that may run here, a lock counts only when each of them takes it. */
function settleOneOf(machine: Machine, options: readonly Value[]): Value {
  const queries = options
    .filter((option) => option.kind === "call" || option.kind === "template")
    .map((option) => ({ option, statements: machine.recognise(option) }));
  const all = queries.length > 1 && queries.every(({ statements }) => statements.length > 0);
  if (!all) return union(...options.map((option) => settle(machine, option)));
  const locked = queries.every(({ statements }) => statements.some(({ lock }) => lock === "update"));
  return union(
    ...queries.map(({ option, statements }) => {
      const known = locked
        ? statements
        : statements.map((entry) => (entry.lock ? { ...entry, lock: "conditional" as const } : entry));
      const result = machine.settled.get(option) ?? carryOut(machine, option, known);
      machine.settled.set(option, result);
      return result;
    }),
  );
}

function carryOut(machine: Machine, value: Call | Template, statements: readonly Statement[]): Value {
  let result: Value = value;
  let given: Deps = new Set();
  for (const statement of statements) {
    const made = record(machine, statement, value);
    // WITH changed AS (UPDATE … RETURNING …) INSERT … SELECT FROM changed: no row there is no row here.
    if (made) result = { ...made, deps: mergeDeps(made.deps, given) };
    if (made && statement.returning) given = mergeDeps(given, made.deps);
  }
  return result;
}

function record(machine: Machine, statement: Statement, value: Call | Template): Result | undefined {
  const { place } = value;
  if (statement.verb === "begin") return begin(machine, statement.handle, place);
  const transaction =
    transactionOf(machine, statement.through) ??
    transactionOf(machine, statement.handle) ??
    machine.ambient.at(-1);
  if (statement.verb === "commit" || statement.verb === "rollback") {
    if (statement.verb === "commit") flush(machine, place, statement.handle);
    if (transaction) end(machine, transaction.id);
    return undefined;
  }
  if (statement.verb === "serializable") {
    if (transaction) transaction.serializable = true;
    return undefined;
  }
  if (statement.verb === "unclear") {
    unfollowed(machine, place, statement.note ?? "the statement isn't known");
    return undefined;
  }
  const args = value.kind === "call" ? value.args : value.holes;
  const effect = addEffect(machine, {
    kind: "statement",
    statement,
    name: statement.library,
    transaction,
    place,
    args,
  });
  const deps: Deps = new Set([effect.id]);
  return { kind: "result", effect: effect.id, deps };
}

const ONE_CONNECTION = /^(?:connect|getConnection|acquire|reserve|getClient|createQueryRunner|startSession)$/;

/** A pool gives every statement another connection: BEGIN through it begins nothing. */
function isPool(handle: Value): boolean {
  const names = [...ancestors(handle)].map(displayName);
  return names.some((name) => /pool/i.test(name)) && !names.some((name) => ONE_CONNECTION.test(name));
}

function begin(machine: Machine, handle: Value, place: Place): undefined {
  if (isPool(handle)) return undefined;
  const transaction = newTransaction(machine, "manual", place);
  machine.open = new Map([...machine.open, [handle, transaction]]);
  // Everything that the handle was made from stays outside.
  return undefined;
}

function end(machine: Machine, id: number): void {
  machine.open = new Map([...machine.open].filter(([, transaction]) => transaction.id !== id));
  machine.trace.ended.set(id, machine.trace.effects.length);
}

/** `user.save()`, `repository.save(user)`, `em.flush()`: rows that were changed are written. */
function save(machine: Machine, value: Call | Template): Value | undefined {
  if (value.kind !== "call" || value.callee.kind !== "get" || machine.pending.size === 0) return undefined;
  const { base, name } = value.callee;
  if (name === "flush" || name === "persistAndFlush" || name === "commit")
    return flush(machine, value.place, base);
  if (name !== "save") return undefined;
  const rows = [
    base,
    ...value.args.flatMap((argument) => (argument.kind === "list" ? argument.items : [argument])),
  ];
  const handle = fieldOf(value.args.at(-1), "transaction", "session") ?? base;
  return flush(machine, value.place, handle, rows);
}

/** Writes what was set on rows and not yet saved; `only` names the rows, otherwise all are written. */
export function flush(
  machine: Machine,
  place: Place,
  handle: Value,
  only?: readonly Value[],
): Result | undefined {
  const owners = only?.map(ownerOf);
  let result: Result | undefined;
  for (const [owner, fields] of machine.pending) {
    if (owners && !owners.includes(owner)) continue;
    const read = owner.kind === "result" ? machine.trace.effects[owner.effect] : undefined;
    const source = read?.statement ?? (owners ? parameterRow(machine, owner, fields) : undefined);
    if (!source && owners && owner.kind === "call" && lowersBalance(machine, fields)) {
      machine.pending.delete(owner);
      unfollowed(machine, place, `a balance is lowered in a row that ${displayName(owner)} gives, and saved`);
    }
    if (!source || (!owners && source.library !== "mikro-orm")) continue;
    machine.pending.delete(owner);
    const assignments = [...fields].map(([column, entry]): Assignment => ({
      column,
      kind: "set",
      value: entry,
      floored: false,
    }));
    const statement: Statement = {
      verb: "update",
      tables: source.tables,
      assignments,
      conditions: [],
      answer: "object",
      handle,
      library: source.library,
    };
    // A mongoose document remembers its session, an entity manager its transaction.
    const remembered =
      !owners || source.library === "mongo" ? (read?.transaction ?? machine.enclosing.at(-1)) : undefined;
    const transaction = transactionOf(machine, handle) ?? machine.ambient.at(-1) ?? remembered;
    const effect = addEffect(machine, {
      kind: "statement",
      statement,
      name: "save",
      transaction,
      place,
      args: [],
    });
    result = { kind: "result", effect: effect.id, deps: new Set([effect.id]) };
  }
  return result;
}

/** A row that was handed in: its name says which table it is of. */
function parameterRow(
  machine: Machine,
  owner: Value,
  fields: ReadonlyMap<string, Value>,
): Pick<Statement, "tables" | "library"> | undefined {
  const concerns = [...fields.keys()].some((name) => machine.linker.concerns(name));
  return owner.kind === "unknown" && concerns
    ? { tables: [tableName(owner.name)], library: "sequelize" }
    : undefined;
}
