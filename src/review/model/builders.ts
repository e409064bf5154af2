/** Query builders: knex, Objection, Kysely, Drizzle, Supabase and TypeORM's. */
import type { Assignment, Condition, Statement } from "../engine/effect.ts";
import type { Machine } from "../engine/machine.ts";
import { constant, fieldOf, stringOf, type Value } from "../engine/value.ts";
import {
  assignmentsFrom,
  columnName,
  columnNames,
  conditionsFrom,
  conditionsFromCall,
  signOf,
} from "./objects.ts";
import { conditionsByText } from "./sql-text.ts";
import { sourceOf } from "./builder-source.ts";
import { callOf, callsOf, has, statement, tableOf, through, type Chain, type Model } from "./support.ts";

const VERBS: Readonly<Record<string, Statement["verb"]>> = {
  update: "update",
  patch: "update",
  patchAndFetchById: "update",
  increment: "update",
  decrement: "update",
  set: "update",
  updateAndFetch: "update",
  insert: "insert",
  upsert: "insert",
  insertGraph: "insert",
  values: "insert",
  del: "delete",
  delete: "delete",
  deleteById: "delete",
  updateTable: "update",
  insertInto: "insert",
  deleteFrom: "delete",
  replaceInto: "insert",
  mergeInto: "update",
};

/** knex("users"), trx.from("users"), User.query(trx), db.selectFrom("users"), db.select().from(users), supabase.from("users"). */
export const builders: Model = (chain, machine) => {
  const source = sourceOf(chain);
  if (!source) return undefined;
  const { table, handle } = source;
  const verb = verbOf(chain);
  const assignments = assignmentsOf(chain, machine);
  const lock = lockOf(chain);
  const transacting =
    callOf(chain, "transacting", "setQueryRunner", "session", "useTransaction")?.args[0] ??
    queryArgument(chain);
  const returning =
    has(chain, "returning", "returningAll") ||
    (source.library === "supabase" && has(chain, "select") && verb !== "read");
  return [
    statement({
      verb,
      tables: [table, ...joined(chain)],
      handle,
      library: source.library,
      assignments,
      conditions: conditionsOf(chain),
      returning,
      answer: returning
        ? has(chain, "first", "single", "maybeSingle", "executeTakeFirst", "executeTakeFirstOrThrow")
          ? "row"
          : "rows"
        : source.library === "knex" && verb !== "read"
          ? "count"
          : "object",
      ...(has(chain, "executeTakeFirstOrThrow", "throwOnError", "single", "throwIfNotFound") &&
      (returning || verb === "read")
        ? { throwsOnNone: true }
        : {}),
      ...(lock ? { lock } : {}),
      ...(lock ? lockTables(chain) : {}),
      ...(transacting ? { through: transacting } : {}),
      ...(verb === "insert" ? conflictOf(chain) : {}),
    }),
  ];
};

function queryArgument(chain: Chain): Value | undefined {
  const argument = chain.links.find(({ name }) => name === "query")?.args?.[0];
  return through([argument]) ?? argument;
}

function verbOf(chain: Chain): Statement["verb"] {
  for (const { name, args } of chain.links.toReversed()) {
    const verb = args === undefined ? undefined : VERBS[name ?? ""];
    if (verb) return verb;
  }
  return "read";
}

function lockOf(chain: Chain): Statement["lock"] {
  const pessimistic = callOf(chain, "setLock", "setLockMode", "for", "lockMode");
  const mode = pessimistic ? (stringOf(pessimistic.args[0]) ?? memberName(pessimistic.args[0])) : "";
  if (pessimistic && /write|update/i.test(mode)) return "update";
  if (pessimistic && /read|share/i.test(mode)) return "share";
  if (pessimistic && /optimistic/i.test(mode)) return "optimistic";
  if (has(chain, "forUpdate", "forNoKeyUpdate")) return "update";
  return has(chain, "forShare", "forKeyShare") ? "share" : undefined;
}

export function memberName(value: Value | undefined): string {
  return value?.kind === "get" ? (value.name ?? "") : "";
}

/** knex's `.forUpdate("users")` locks only these tables. */
function lockTables(chain: Chain): Pick<Statement, "lockOf"> {
  const names = (callOf(chain, "forUpdate")?.args ?? [])
    .map((argument) => tableOf(argument))
    .filter((name) => name !== "");
  const of = fieldOf(callOf(chain, "for")?.args[1], "of");
  if (of) names.push(tableOf(of));
  return names.length > 0 ? { lockOf: names } : {};
}

function joined(chain: Chain): string[] {
  return callsOf(chain, "join", "innerJoin", "leftJoin", "leftJoinAndSelect", "innerJoinAndSelect").map(
    ([first]) => tableOf(first),
  );
}

function conflictOf(chain: Chain): Pick<Statement, "conflict"> {
  if (has(chain, "ignore", "onConflictDoNothing", "orIgnore", "doNothing")) return { conflict: "ignore" };
  return has(chain, "merge", "onConflictDoUpdate", "orUpdate", "doUpdateSet", "upsert")
    ? { conflict: "update" }
    : {};
}

function assignmentsOf(chain: Chain, machine: Machine): Assignment[] {
  // TypeORM's functions return SQL.
  const lazy = (value: Value): Value => {
    const text = machine.invoke({ callee: value, args: [], place: chain.value.place });
    if (text.kind === "template") return { ...text, tag: text.tag ?? value };
    if (stringOf(text) === undefined) return text;
    return {
      kind: "template",
      texts: [stringOf(text) ?? ""],
      holes: [],
      tag: value,
      deps: text.deps,
      place: chain.value.place,
    };
  };
  const objects = callsOf(
    chain,
    "update",
    "set",
    "insert",
    "values",
    "patch",
    "upsert",
    "updateAndFetch",
    "patchAndFetchById",
  ).flatMap((args) =>
    args.flatMap((argument, at): Assignment[] => {
      const column = stringOf(argument);
      const value = args[at + 1];
      // knex's `.update("credits", value)`, Kysely's `.set("credits", eb => …)`.
      const isNamed = column !== undefined || argument.kind === "unknown" || argument.kind === "union";
      if (at === 0 && value && isNamed && value.kind !== "record")
        return columnNames(argument).flatMap((own) => assignmentsFrom(recordOf(own, value), lazy));
      return assignmentsFrom(argument, lazy);
    }),
  );
  const steps = (["increment", "decrement"] as const).flatMap((kind) =>
    callsOf(chain, kind).flatMap(([columns, by]) => {
      const names =
        columns?.kind === "record"
          ? [...columns.fields]
          : columnNames(columns).map((name) => [name, by ?? constant(1)] as const);
      return names.map(([column, value]): Assignment => ({
        column: lastPart(column),
        kind,
        value,
        floored: false,
      }));
    }),
  );
  return [...objects, ...steps];
}

function lastPart(column: string): string {
  return column.split(".").at(-1) ?? column;
}

function recordOf(name: string, value: Value): Value {
  return {
    kind: "record",
    fields: new Map([[name, value]]),
    open: false,
    place: { path: "", start: 0, end: 0 },
    deps: value.deps,
  };
}

const COMPARING: Readonly<Record<string, Condition["operator"]>> = {
  eq: "=",
  neq: "<>",
  gt: ">",
  gte: ">=",
  lt: "<",
  lte: "<=",
  is: "null",
  in: "in",
  whereIn: "in",
  whereNull: "null",
  whereNotNull: "not null",
};

/** Conditions of all `where`s; one that an OR weakens counts for nothing. */
function conditionsOf(chain: Chain): Condition[] {
  if (chain.links.some(({ name }) => /^(?:orWhere\w*|or)$/.test(name ?? "")))
    return [{ column: "", operator: "other", value: undefined }];
  return chain.links.flatMap(({ name = "", args }): Condition[] => {
    if (args === undefined) return [];
    const operator = COMPARING[name];
    if (operator && args[0]) return [{ column: columnName(args[0]), operator, value: args[1] }];
    if (/^(?:where|andWhere|whereRaw|andWhereRaw|match|having|whereNot|findOne|findById)$/.test(name))
      return whereOf(name, args);
    return [];
  });
}

function whereOf(name: string, args: readonly Value[]): Condition[] {
  const [first, second, third] = args;
  if (!first || name === "findById") return [];
  if (first.kind === "record") return conditionsFrom(first);
  const column = stringOf(first);
  if (column === undefined) {
    return first.kind === "call" && isBuilder(first) ? conditionsOfBuilder(first) : conditionsFromCall(first);
  }
  // TypeORM's and raw conditions are SQL.
  if (/[\s<>=:?]/.test(column.trim())) return conditionsByText(first, args.slice(1));
  if (third) return [{ column: columnName(first), operator: signOf(stringOf(second) ?? ""), value: third }];
  if (name === "whereNot") return [{ column: columnName(first), operator: "<>", value: second }];
  return second ? [{ column: columnName(first), operator: "=", value: second }] : [];
}

function isBuilder(value: Value): boolean {
  return (
    value.kind === "call" &&
    value.callee.kind === "get" &&
    /^(?:where|andWhere|orWhere)\w*$/.test(value.callee.name ?? "")
  );
}

function conditionsOfBuilder(value: Value & { kind: "call" }): Condition[] {
  if (value.callee.kind !== "get") return [];
  const own = whereOf(value.callee.name ?? "", value.args);
  const { base } = value.callee;
  return base.kind === "call" ? [...conditionsOfBuilder(base), ...own] : own;
}
