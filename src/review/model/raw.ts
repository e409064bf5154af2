/** SQL by hand: mysql2, pg, postgres.js, better-sqlite3 and the raw doors of the ORMs. */
import type { Statement } from "../engine/effect.ts";
import { chainOf, displayName, fieldOf, stringOf, type Template, type Value } from "../engine/value.ts";
import { looksLikeSql, statementsOf } from "./sql-text.ts";
import { callOf, has, statement, through, type Chain, type Model } from "./support.ts";

const RUNS =
  /^(?:query|execute|raw|\$?queryRaw|\$?executeRaw|\$queryRawUnsafe|\$executeRawUnsafe|unsafe|run|all|get|exec|one|oneOrNone|none|any|many|manyOrNone|result|oneFirst|maybeOne|first|nativeQuery|queryArray|queryObject|\w*[qQ]uery\w*|\w*[eE]xec\w*|\w*[sS]ql\w*|values|fetch\w*|select\w*|update\w*|insert\w*)$/;

export const raw: Model = (chain) => {
  const at = chain.links.findIndex(
    ({ args, name }) => args !== undefined && (name === "" || RUNS.test(name ?? "")) && looksLikeSql(args[0]),
  );
  const link = chain.links[at];
  if (link?.args) {
    const [sql, ...params] = link.args;
    const callee = link.call?.callee;
    const handle = callee?.kind === "get" ? callee.base : (callee ?? chain.root);
    return sql
      ? withOptions(statementsOf(sql, params, handle, libraryOf(chain, link.name ?? "")), chain, link.args)
      : undefined;
  }
  return prepared(chain);
};

/** `db.prepare("UPDATE …").run(id)`. */
function prepared(chain: Chain): readonly Statement[] | undefined {
  const link = callOf(chain, "prepare");
  const callee = link?.call?.callee;
  const run = callOf(chain, "run", "get", "all", "execute", "iterate");
  if (!link?.args[0] || callee?.kind !== "get" || !run || !looksLikeSql(link.args[0])) return undefined;
  return statementsOf(link.args[0], run.args, callee.base, "sqlite");
}

function withOptions(
  statements: readonly Statement[],
  chain: Chain,
  args: readonly Value[],
): readonly Statement[] {
  const own = callOf(chain, "transacting")?.args[0] ?? through(args.slice(1));
  const count =
    /executeRaw|^execute$/.test(chain.links.at(-1)?.name ?? "") &&
    chain.links.some(({ name }) => /\$/.test(name ?? ""));
  const first = has(chain, "oneOrNone", "one", "maybeOne");
  const throws = has(chain, "one");
  return statements.map((entry) => ({
    ...entry,
    ...(own ? { through: own } : {}),
    ...(count || entry.library === "count" ? { answer: "count" as const } : {}),
    ...(first ? { answer: "row" as const } : {}),
    ...(throws ? { throwsOnNone: true } : {}),
  }));
}

function libraryOf(chain: Chain, method: string): string {
  return /\$executeRaw/.test(method)
    ? "count"
    : chain.links.some(({ name }) => /\$/.test(name ?? ""))
      ? "prisma"
      : "sql";
}

/** sql`UPDATE …` that is awaited itself, prisma.$queryRaw`…`. */
export function tagged(template: Template): readonly Statement[] {
  const { tag } = template;
  if (!tag || !looksLikeSql({ ...template, tag })) return [];
  const count = /\$executeRaw/.test(displayName(tag));
  const handle = tag.kind === "get" ? tag.base : tag;
  return statementsOf(template, [], handle, "sql").map((entry) =>
    count ? { ...entry, answer: "count" as const } : entry,
  );
}

const BEGINS = /^(?:beginTransaction|startTransaction|begin|beginTransactionAsync)$/;
const COMMITS = /^(?:commit|commitTransaction|commitAsync)$/;
const ROLLS_BACK = /^(?:rollback|rollbackTransaction|abortTransaction|rollbackAsync)$/;

/** Begin and end of a transaction by method, and transactions that are handles: `const t = await sequelize.transaction()`. */
export const control: Model = ({ value, links }) => {
  const { callee, args } = value;
  const name = links.at(-1)?.name ?? "";
  if (callee.kind !== "get") return undefined;
  const base = { handle: callee.base, library: "sql" };
  if (BEGINS.test(name)) {
    const serializable = /serializable/i.test(stringOf(args[0]) ?? displayName(args[0] ?? callee));
    return [
      statement({ verb: "begin", ...base }),
      ...(serializable ? [statement({ verb: "serializable", ...base })] : []),
    ];
  }
  if (COMMITS.test(name)) return [statement({ verb: "commit", ...base })];
  if (ROLLS_BACK.test(name)) return [statement({ verb: "rollback", ...base })];
  const isHandle =
    /^(?:transaction|startTransaction|beginTransaction|transactionProvider)$/.test(name) &&
    !args.some((argument) => argument.kind === "closure") &&
    !chainOf(callee.base).links.some((link) => link.name === "transaction");
  if (!isHandle) return undefined;
  const level = fieldOf(args[0], "isolationLevel");
  const serializable = /serializable/i.test(level ? (stringOf(level) ?? displayName(level)) : "");
  const own = { handle: value, library: "sql" };
  return [
    statement({ verb: "begin", ...own }),
    ...(serializable ? [statement({ verb: "serializable", ...own })] : []),
  ];
};

const NOT_FOLLOWED = /^rpc$/;

/** Functions of the database that are called by name. */
export const routine: Model = ({ value, links }) => {
  const link = links.findLast(({ name }) => NOT_FOLLOWED.test(name ?? ""));
  const name = stringOf(link?.args?.[0]);
  if (name === undefined || value.callee.kind !== "get") return undefined;
  return [statement({ verb: "unclear", handle: value, library: "supabase", note: `routine ${name}` })];
};
