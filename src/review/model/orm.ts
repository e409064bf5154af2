/** Models, repositories and entity managers: Sequelize, TypeORM, MikroORM and Mongoose. */
import type { Assignment, Statement } from "../engine/effect.ts";
import { constant, fieldOf, stringOf, type Value } from "../engine/value.ts";
import { assignmentByExpression, assignmentsFrom, columnNames, conditionsFrom } from "./objects.ts";
import { memberName } from "./builders.ts";
import { callOf, statement, through, type Chain, type Model } from "./support.ts";
import { isModel, targetOf, type Target } from "./target.ts";

type Reader = (target: Target, method: string) => Partial<Statement> & Pick<Statement, "verb">;

const METHODS: Readonly<Record<string, Reader>> = {
  ...each(
    [
      "findOne",
      "findOneBy",
      "findOneOrFail",
      "findOneByOrFail",
      "findByPk",
      "findById",
      "findAll",
      "find",
      "findBy",
      "findOrFail",
      "findAndCount",
      "findAndCountAll",
      "reload",
      "refresh",
      "aggregate",
      "sum",
      "countDocuments",
      "findOneOrThrow",
      "findByOrFail",
      "findOneByOrThrow",
      "firstOrFail",
      "getReference",
    ],
    readRows,
  ),
  ...each(
    [
      "update",
      "updateOne",
      "updateMany",
      "nativeUpdate",
      "findOneAndUpdate",
      "findByIdAndUpdate",
      "updateAttributes",
    ],
    updateRows,
  ),
  ...each(["increment", "decrement"], changeColumn),
  ...each(
    [
      "create",
      "insert",
      "bulkCreate",
      "insertOne",
      "insertMany",
      "save",
      "upsert",
      "persist",
      "findOrCreate",
      "createOne",
    ],
    insertRows,
  ),
  ...each(
    [
      "destroy",
      "delete",
      "remove",
      "deleteOne",
      "deleteMany",
      "nativeDelete",
      "findOneAndDelete",
      "findByIdAndDelete",
      "findOneAndRemove",
      "findByIdAndRemove",
    ],
    (target) => ({ verb: "delete", ...whereOf(target), answer: "object" }),
  ),
  lock: (target) => ({ verb: "lock", ...lockOf([constant("lock"), ...target.args]) }),
};

function each(names: readonly string[], reader: Reader): Record<string, Reader> {
  return Object.fromEntries(names.map((name) => [name, reader]));
}

const AFTER = new Set([
  "session",
  "lean",
  "exec",
  "populate",
  "select",
  "sort",
  "limit",
  "toArray",
  "orFail",
  "cache",
  "skip",
]);

export const orm: Model = (chain, machine) => {
  const inner = withoutTail(chain);
  const method = inner.links.at(-1)?.name ?? "";
  const reader = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
  if (!reader || inner.value.args.some((argument, at) => at === 0 && argument.kind === "closure"))
    return undefined;
  if (method === "lock") return lockEntity(inner, machine);
  const target = targetOf(inner, machine);
  if (!target) return undefined;
  // `points.update(id, balance - cost)`: whatever that is, it is no model's.
  if (reader === updateRows && target.args.some(({ kind }) => kind === "operation")) return undefined;
  const read = reader(target, method);
  if (read.verb !== "read" && target.row === undefined && !isModel(inner)) return undefined;
  if (method === "find" && target.args.length === 0) return undefined;
  const session = callOf(chain, "session")?.args[0] ?? through(target.args);
  const remembered =
    target.row !== undefined && target.library === "mongo"
      ? machine.trace.effects[target.row]?.statement
      : undefined;
  const lock = lockOf(target.args);
  const own = session ?? remembered?.through;
  return [
    statement({
      handle: target.handle,
      library: target.library,
      tables: [target.table],
      ...lock,
      ...read,
      ...(own ? { through: own } : {}),
      ...(target.row !== undefined && read.verb === "read" ? { refreshes: target.row } : {}),
      ...(callOf(chain, "orFail") ? { throwsOnNone: true } : {}),
    }),
  ];
};

/** `.session(s).lean().exec()` change nothing of what is done. */
function withoutTail(chain: Chain): Chain {
  const links = [...chain.links];
  while (links.length > 1 && AFTER.has(links.at(-1)?.name ?? "")) links.pop();
  const value = links.at(-1)?.call;
  return value ? { ...chain, links, value } : chain;
}

/** MikroORM's `em.lock(user, LockMode.PESSIMISTIC_WRITE)`. */
function lockEntity(chain: Chain, machine: Parameters<Model>[1]): readonly Statement[] | undefined {
  const { callee, args } = chain.value;
  const [entity, mode] = args;
  if (callee.kind !== "get" || !entity || !/WRITE/i.test(memberName(mode))) return undefined;
  const owner = entity.kind === "result" ? machine.trace.effects[entity.effect] : undefined;
  const table = owner?.statement?.tables[0];
  if (table === undefined) return undefined;
  return [
    statement({ verb: "lock", tables: [table], lock: "update", handle: callee.base, library: "mikro-orm" }),
  ];
}

function readRows({ args }: Target, method: string): Partial<Statement> & Pick<Statement, "verb"> {
  const [first] = args;
  const where =
    fieldOf(first, "where") ?? (method === "findByPk" || method === "findById" ? undefined : first);
  return {
    verb: "read",
    conditions: conditionsFrom(where),
    answer: /All|^find$|findBy$|AndCount/.test(method) ? "rows" : "row",
    ...(/OrFail|OrThrow/.test(method) ? { throwsOnNone: true } : {}),
  };
}

const NAMED = new Set(["findOneAndUpdate", "findByIdAndUpdate"]);

function updateRows(
  { args, row, library }: Target,
  method: string,
): Partial<Statement> & Pick<Statement, "verb"> {
  const [first, second] = args;
  if (row !== undefined && method !== "updateOne")
    return { verb: "update", assignments: assignmentsFrom(first), answer: "object" };
  const isSequelize = fieldOf(second, "where") !== undefined;
  const data = isSequelize ? first : second;
  const where = isSequelize ? fieldOf(second, "where") : method === "findByIdAndUpdate" ? undefined : first;
  return {
    verb: "update",
    assignments: dataOf(data, library),
    conditions: conditionsFrom(where),
    answer: NAMED.has(method) ? "row" : isSequelize ? "rows" : method === "nativeUpdate" ? "count" : "object",
  };
}

/** TypeORM takes functions that give SQL: `{ credits: () => "credits - 1" }`. */
function dataOf(data: Value | undefined, library: Target["library"]): Assignment[] {
  if (library !== "typeorm" || data?.kind !== "record") return assignmentsFrom(data);
  return [...data.fields].flatMap(([name, value]): Assignment[] => {
    const text = value.kind === "closure" ? bodyText(value) : undefined;
    const change = text ? assignmentByExpression(name, text) : undefined;
    const record: Value = { ...data, fields: new Map([[name, value]]) };
    return change ? [change] : assignmentsFrom(record);
  });
}

function bodyText(closure: Value & { kind: "closure" }): Value | undefined {
  const { body } = closure.node as unknown as {
    body?: { type: string; value?: unknown; quasis?: { value: { cooked: string } }[] };
  };
  if (body?.type === "Literal" && typeof body.value === "string") return constant(body.value);
  return body?.type === "TemplateLiteral"
    ? constant((body.quasis ?? []).map(({ value }) => value.cooked).join(" ? "))
    : undefined;
}

function changeColumn({ args, row }: Target, method: string): Partial<Statement> & Pick<Statement, "verb"> {
  const kind = method === "increment" ? ("increment" as const) : ("decrement" as const);
  const [first, second, third] = args;
  const change = (column: string, value: Value): Assignment => ({ column, kind, value, floored: false });
  // TypeORM: repository.decrement({ id }, "credits", 1).
  if (third || (stringOf(second) !== undefined && row === undefined)) {
    return {
      verb: "update",
      assignments: columnNames(second).map((name) => change(name, third ?? constant(1))),
      conditions: conditionsFrom(first),
      answer: "object",
    };
  }
  const by = fieldOf(second, "by") ?? constant(1);
  const columns =
    first?.kind === "record"
      ? [...first.fields].map(([name, value]) => change(name, value))
      : first?.kind === "list"
        ? first.items.flatMap((item) => columnNames(item).map((name) => change(name, by)))
        : columnNames(first).map((name) => change(name, by));
  return {
    verb: "update",
    assignments: columns,
    conditions: conditionsFrom(fieldOf(second, "where")),
    answer: "object",
  };
}

function insertRows({ args }: Target, method: string): Partial<Statement> & Pick<Statement, "verb"> {
  const data = method === "findOrCreate" ? fieldOf(args[0], "defaults") : args[0];
  const ignores = fieldOf(args[1], "ignoreDuplicates") !== undefined || method === "findOrCreate";
  const id = fieldOf(data, "id", "_id");
  // `repository.save({ id, credits })` of a known row writes that row.
  const verb = method === "save" && id ? "update" : "insert";
  return {
    verb,
    assignments: assignmentsFrom(data),
    answer: "object",
    ...(ignores ? { conflict: "ignore" as const } : {}),
  };
}

function whereOf({ args }: Target): Pick<Statement, "conditions"> {
  const [first] = args;
  return { conditions: conditionsFrom(fieldOf(first, "where") ?? first) };
}

/** `lock: t.LOCK.UPDATE`, `lock: true`, `lock: { mode: "pessimistic_write" }`, `lockMode: LockMode.PESSIMISTIC_WRITE`. */
function lockOf(args: readonly Value[]): Pick<Statement, "lock" | "lockOf"> {
  const isCall = stringOf(args[0]) === "lock";
  for (const argument of args) {
    const option = fieldOf(argument, "lock", "lockMode") ?? (isCall ? argument : undefined);
    if (!option) continue;
    const level = fieldOf(option, "level", "mode") ?? option;
    const of = fieldOf(option, "of");
    const name = `${stringOf(level) ?? ""} ${memberName(level)}`;
    if (/optimistic/i.test(name)) return { lock: "optimistic" };
    const exclusive =
      /write|update|NO_KEY/i.test(name) ||
      (level.kind === "constant" && (level.value === true || level.value === 4));
    if (exclusive)
      return {
        lock: "update",
        ...(of && stringOf(of) !== undefined ? { lockOf: [stringOf(of) ?? ""] } : {}),
      };
    if (option.kind === "union") return { lock: "conditional" };
    if (/share|read/i.test(name)) return { lock: "share" };
  }
  return {};
}
