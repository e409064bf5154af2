/** Where a chain of a query builder begins: which table, through which handle, of which library. */
import { constant, stringOf, type Link, type Value } from "../engine/value.ts";
import { callOf, has, tableOf, type Chain } from "./support.ts";

export interface Source {
  readonly table: string;
  readonly handle: Value;
  readonly library: "knex" | "kysely" | "drizzle" | "supabase" | "typeorm" | "objection";
}

export function sourceOf(chain: Chain): Source | undefined {
  return (
    kyselySource(chain) ??
    objectionSource(chain) ??
    drizzleSource(chain) ??
    fromSource(chain) ??
    calledSource(chain) ??
    memberSource(chain)
  );
}

const KNEX_METHODS =
  /^(?:where\w*|andWhere\w*|orWhere\w*|forUpdate|forShare|first|select|update|insert|increment|decrement|del|delete|transacting|returning|pluck|join|leftJoin|innerJoin|orderBy|limit|skipLocked|noWait|sum|count|max|onConflict|modify|clone|timeout|forNoKeyUpdate)$/;

/** `db("users").where(…)`, where `db` may be what `knex(config)` has made. */
function calledSource({ links }: Chain): Source | undefined {
  const at = links.findIndex(
    ({ name, args }, index) => name === "" && args !== undefined && isKnexMethod(links[index + 1]),
  );
  const { args = [], call } = links[at] ?? {};
  const [table] = args;
  const named =
    stringOf(table) !== undefined ||
    table?.kind === "record" ||
    table?.kind === "get" ||
    table?.kind === "unknown";
  return call && named && args.length <= 2
    ? { table: tableOf(table), handle: call.callee, library: "knex" }
    : undefined;
}

function isKnexMethod(link: Link | undefined): boolean {
  return link?.args !== undefined && KNEX_METHODS.test(link.name ?? "");
}

/** `this.knex("users")`, `ctx.db("users")`: the thing itself is a member. */
function memberSource(chain: Chain): Source | undefined {
  const at = chain.links.findIndex(
    ({ args }, index) =>
      args !== undefined &&
      index + 1 < chain.links.length &&
      KNEX_METHODS.test(chain.links[index + 1]?.name ?? ""),
  );
  const link = chain.links[at];
  const [table] = link?.args ?? [];
  const isTable =
    stringOf(table) !== undefined && link?.args?.length === 1 && /^[\w."` ]+$/.test(stringOf(table) ?? "");
  if (
    !link ||
    !isTable ||
    !/knex|db|trx|tx|conn|table|from|into|queryBuilder|transaction/i.test(link.name ?? "")
  )
    return undefined;
  const callee = link.call?.callee;
  const plain = /^(?:table|from|into|queryBuilder)$/.test(link.name ?? "");
  const handle = plain && callee?.kind === "get" ? callee.base : (callee ?? chain.root);
  return { table: tableOf(table), handle, library: "knex" };
}

function kyselySource(chain: Chain): Source | undefined {
  const link = callOf(chain, "selectFrom", "updateTable", "insertInto", "deleteFrom", "replaceInto");
  const callee = link?.call?.callee;
  return link && callee?.kind === "get"
    ? { table: tableOf(link.args[0]), handle: callee.base, library: "kysely" }
    : undefined;
}

/** `User.query(trx).findById(id).forUpdate()` of Objection. */
function objectionSource(chain: Chain): Source | undefined {
  const at = chain.links.findIndex(({ name }) => name === "query" || name === "relatedQuery");
  const link = chain.links[at];
  const next = chain.links[at + 1]?.name ?? "";
  const callee = link?.call?.callee;
  if (
    !link?.args ||
    callee?.kind !== "get" ||
    !(
      KNEX_METHODS.test(next) ||
      /^(?:findById|findOne|patch\w*|updateAndFetch\w*|deleteById|insertGraph)$/.test(next)
    )
  ) {
    return undefined;
  }
  if (stringOf(link.args[0]) !== undefined) return undefined;
  return { table: tableOf(callee.base), handle: link.args[0] ?? callee.base, library: "objection" };
}

/** `db.update(users).set(…)`, `db.insert(users).values(…)`, `db.delete(users).where(…)`. */
function drizzleSource(chain: Chain): Source | undefined {
  const at = chain.links.findIndex(
    ({ name, args }) => args?.length === 1 && (name === "update" || name === "insert" || name === "delete"),
  );
  const link = chain.links[at];
  const follows = new Set(chain.links.slice(at + 1).map(({ name }) => name));
  const fits =
    link?.name === "update"
      ? follows.has("set")
      : link?.name === "insert"
        ? follows.has("values")
        : follows.has("where");
  const callee = link?.call?.callee;
  if (!link || !fits || callee?.kind !== "get" || link.args?.[0]?.kind === "record") return undefined;
  const isQueryBuilder = has(chain, "createQueryBuilder");
  return {
    table: tableOf(link.args?.[0]),
    handle: callee.base,
    library: isQueryBuilder ? "typeorm" : "drizzle",
  };
}

/** `db.select().from(users)`, `supabase.from("users").select()`, `createQueryBuilder(User, "u")`. */
function fromSource(chain: Chain): Source | undefined {
  const builder = callOf(chain, "createQueryBuilder");
  const made = builder?.call?.callee;
  if (builder && made?.kind === "get") {
    const target = callOf(chain, "update", "from", "into", "delete", "relation")?.args[0] ?? builder.args[0];
    const owner = typeTable(made.base);
    const table =
      target && stringOf(target) === undefined && target.kind !== "record" ? tableOf(target) : owner;
    return { table, handle: made.base, library: "typeorm" };
  }
  const from = callOf(chain, "from");
  const callee = from?.call?.callee;
  if (!from || callee?.kind !== "get" || from.args.length === 0) return undefined;
  const select = chain.links.findIndex(
    ({ name }) => name === "select" || name === "selectDistinct" || name === "selectOne",
  );
  const at = chain.links.findIndex(({ name }) => name === "from");
  if (select >= 0 && select < at) {
    const call = chain.links[select]?.call?.callee;
    return {
      table: tableOf(from.args[0]),
      handle: call?.kind === "get" ? call.base : chain.root,
      library: "drizzle",
    };
  }
  if (stringOf(from.args[0]) === undefined || at === chain.links.length - 1) return undefined;
  const supabase =
    has(chain, "eq", "match", "gte", "lte", "single", "maybeSingle", "rpc", "neq") || !has(chain, "where");
  return { table: tableOf(from.args[0]), handle: callee.base, library: supabase ? "supabase" : "knex" };
}

/** The entity of a repository: its type argument, what getRepository was given, or its name. */
export function typeTable(value: Value): string {
  if (value.kind === "unknown" && value.types.length > 1) return tableOf(constant(value.types.at(1)));
  if (value.kind === "call") {
    const [entity] = value.args;
    if (
      entity &&
      /^(?:getRepository|getCustomRepository|withRepository|getMongoRepository)$/.test(calleeName(value))
    ) {
      return tableOf(calleeName(value) === "withRepository" ? constant(typeTable(entity)) : entity);
    }
  }
  if (value.kind === "instance") return tableOf(constant(value.of.name));
  return tableOf(value);
}

function calleeName(value: Value & { kind: "call" }): string {
  return value.callee.kind === "get" ? (value.callee.name ?? "") : "";
}
