/** Reads SQL text into statements: a small reader for MySQL and PostgreSQL that knows what moves rows. */
import { assignmentOf, conditionsOf } from "./read-expression.ts";
import type { SqlAssignment, SqlStatement } from "./statement.ts";
import { afterBracket, findTop, is, splitTop, tokensOf, type Token } from "./tokens.ts";

/** All statements of a text that are separated by semicolons; parts of a WITH come before what uses them. */
export function readSql(sql: string, offset = 0): SqlStatement[] {
  return splitTop(tokensOf(sql, offset), ";").flatMap(readStatement);
}

type Reader = (tokens: readonly Token[]) => SqlStatement[];

const READERS: Readonly<Record<string, Reader>> = {
  SELECT: readSelect,
  UPDATE: readUpdate,
  INSERT: readInsert,
  REPLACE: readInsert,
  DELETE: readDelete,
  WITH: readWith,
  MERGE: readMerge,
  BEGIN: readBegin,
  START: readBegin,
  COMMIT: simple("commit"),
  END: simple("commit"),
  ROLLBACK: (tokens) => [
    make(tokens, tokens.some((token) => is(token, "TO")) ? { verb: "savepoint" } : { verb: "rollback" }),
  ],
  SAVEPOINT: simple("savepoint"),
  RELEASE: simple("savepoint"),
  CALL: readCall,
  EXEC: readCall,
  EXECUTE: readCall,
  PERFORM: readCall,
  SET: (tokens) => [
    make(tokens, { verb: tokens.some((token) => is(token, "SERIALIZABLE")) ? "serializable" : "other" }),
  ],
  LOCK: (tokens) => [
    make(tokens, {
      verb: "lock",
      lock: "update",
      tables: tokens.filter(({ kind }) => kind !== "mark").slice(2, 3),
    }),
  ],
  CREATE: simple("schema"),
  ALTER: simple("schema"),
  DROP: simple("schema"),
  TRUNCATE: readTruncate,
};

export function readStatement(tokens: readonly Token[]): SqlStatement[] {
  const first = tokens[0];
  if (!first) return [];
  if (is(first, "(")) return readStatement(tokens.slice(1, afterBracket(tokens, 0) - 1));
  if (is(first, "EXPLAIN", "ANALYZE")) return [];
  const reader = READERS[first.text.toUpperCase()];
  return reader && first.kind === "word" ? reader(tokens) : [make(tokens, { verb: "other" })];
}

function make(
  tokens: readonly Token[],
  parts: Partial<SqlStatement> & Pick<SqlStatement, "verb">,
): SqlStatement {
  return {
    tables: [],
    aliases: new Map(),
    lockOf: [],
    assignments: [],
    conditions: [],
    returning: false,
    start: tokens[0]?.start ?? 0,
    end: tokens.at(-1)?.end ?? 0,
    ...parts,
  };
}

function simple(verb: SqlStatement["verb"]): Reader {
  return (tokens) => [make(tokens, { verb })];
}

function readBegin(tokens: readonly Token[]): SqlStatement[] {
  const serializable = tokens.some((token) => is(token, "SERIALIZABLE"));
  return [make(tokens, { verb: "begin" }), ...(serializable ? [make(tokens, { verb: "serializable" })] : [])];
}

const AFTER_FROM = [
  "WHERE",
  "GROUP",
  "ORDER",
  "LIMIT",
  "FOR",
  "HAVING",
  "LOCK",
  "UNION",
  "RETURNING",
  "SET",
  "INTO",
  "OFFSET",
  "FETCH",
  "WINDOW",
  "EXCEPT",
  "INTERSECT",
  "VALUES",
  "PROCEDURE",
];
const AFTER_WHERE = [
  "GROUP",
  "ORDER",
  "LIMIT",
  "FOR",
  "HAVING",
  "LOCK",
  "UNION",
  "RETURNING",
  "OFFSET",
  "FETCH",
  "WINDOW",
  "EXCEPT",
  "INTERSECT",
  "INTO",
];

interface Tables {
  readonly tables: Token[];
  readonly aliases: Map<string, string>;
  readonly inner: SqlStatement[];
  readonly lock?: "update";
}

/** The tables of a FROM, an UPDATE or a JOIN, up to where the next clause begins. */
function readTables(tokens: readonly Token[]): Tables {
  const tables: Token[] = [];
  const aliases = new Map<string, string>();
  const inner: SqlStatement[] = [];
  let lock: "update" | undefined;
  for (const item of splitTop(tokens, ",", "JOIN")) {
    const part = item.filter((token) => !is(token, "ONLY", "LATERAL", "LOW_PRIORITY", "IGNORE"));
    if (is(part[0], "(")) {
      inner.push(...readStatement(part.slice(1, afterBracket(part, 0) - 1)));
      continue;
    }
    const name = lastOfName(part);
    if (!name) continue;
    tables.push(name.token);
    const alias = is(part[name.next], "AS") ? part[name.next + 1] : part[name.next];
    const plain = alias?.kind === "word" || alias?.kind === "name";
    aliases.set(name.token.text.toLowerCase(), name.token.text);
    if (
      alias &&
      plain &&
      !is(alias, "ON", "USING", "LEFT", "RIGHT", "INNER", "CROSS", "WITH", "FULL", "NATURAL", "USE", "FORCE")
    ) {
      aliases.set(alias.text.toLowerCase(), name.token.text);
    }
    if (part.some((token) => is(token, "UPDLOCK", "XLOCK"))) lock = "update";
  }
  return { tables, aliases, inner, ...(lock ? { lock } : {}) };
}

function lastOfName(tokens: readonly Token[]): { token: Token; next: number } | undefined {
  let at = 0;
  while (is(tokens[at + 1], ".") && tokens[at + 2]) at += 2;
  const token = tokens[at];
  return token && token.kind !== "mark" && token.kind !== "number" ? { token, next: at + 1 } : undefined;
}

function whereOf(tokens: readonly Token[]): ReturnType<typeof conditionsOf> {
  const where = findTop(tokens, 0, "WHERE");
  return where === tokens.length
    ? []
    : conditionsOf(tokens.slice(where + 1, findTop(tokens, where + 1, ...AFTER_WHERE)));
}

/** Statements in brackets: sub-selects that may lock. */
function nested(tokens: readonly Token[]): SqlStatement[] {
  return tokens.flatMap((token, at) =>
    is(token, "(") && is(tokens[at + 1], "SELECT")
      ? readStatement(tokens.slice(at + 1, afterBracket(tokens, at) - 1))
      : [],
  );
}

function readSelect(tokens: readonly Token[]): SqlStatement[] {
  const from = findTop(tokens, 0, "FROM");
  const advisory = tokens.some(
    (token) => token.kind === "word" && /^(?:pg_advisory_(?:xact_)?lock|get_lock)$/i.test(token.text),
  );
  const { tables, aliases, inner, lock } = readTables(
    tokens.slice(from + 1, findTop(tokens, from + 1, ...AFTER_FROM)),
  );
  const locking = advisory ? ("advisory" as const) : (lock ?? lockOf(tokens)?.lock);
  const routine = from === tokens.length && is(tokens[2], "(") ? tokens[1]?.text : routineOf(tokens, from);
  return [
    ...inner,
    ...nested(tokens.slice(from + 1)),
    make(tokens, {
      verb: advisory ? "lock" : routine !== undefined ? "call" : "read",
      tables,
      aliases,
      conditions: whereOf(tokens),
      lockOf: lockOf(tokens)?.of ?? [],
      ...(locking ? { lock: locking } : {}),
      ...(routine !== undefined ? { routine } : {}),
    }),
  ];
}

/** `SELECT * FROM deduct_quota(…)` calls a routine. */
function routineOf(tokens: readonly Token[], from: number): string | undefined {
  const name = tokens[from + 1];
  return name?.kind === "word" && is(tokens[from + 2], "(") && !is(name, "LATERAL", "ONLY")
    ? name.text
    : undefined;
}

function lockOf(tokens: readonly Token[]): { lock: "update" | "share"; of: string[] } | undefined {
  const at = findTop(tokens, 0, "FOR", "LOCK");
  if (at === tokens.length) return undefined;
  const rest = tokens.slice(at + 1).map(({ text }) => text.toUpperCase());
  const share = rest[0] === "SHARE" || rest[0] === "IN" || rest[0] === "KEY";
  const exclusive = rest[0] === "UPDATE" || (rest[0] === "NO" && rest[1] === "KEY");
  if (!share && !exclusive) return findLater(tokens, at);
  const of = tokens.slice(at + 1).findIndex((token) => is(token, "OF"));
  const names =
    of < 0
      ? []
      : tokens
          .slice(at + of + 2)
          .filter(
            ({ kind, text }) =>
              (kind === "word" || kind === "name") && !/^(?:nowait|skip|locked)$/i.test(text),
          );
  return { lock: exclusive ? "update" : "share", of: names.map(({ text }) => text.toLowerCase()) };
}

function findLater(tokens: readonly Token[], at: number): ReturnType<typeof lockOf> {
  return lockOf(tokens.slice(at + 1));
}

function readUpdate(tokens: readonly Token[]): SqlStatement[] {
  const set = findTop(tokens, 1, "SET");
  const end = findTop(tokens, set, "WHERE", "FROM", "RETURNING", "ORDER", "LIMIT", "OUTPUT");
  const from = findTop(tokens, set, "FROM");
  const first = readTables(tokens.slice(1, set));
  const more = readTables(tokens.slice(from + 1, findTop(tokens, from + 1, ...AFTER_FROM)));
  return [
    ...more.inner,
    ...nested(tokens.slice(set)),
    make(tokens, {
      verb: "update",
      tables: [...first.tables, ...more.tables],
      aliases: new Map([...first.aliases, ...more.aliases]),
      assignments: assignmentsOf(tokens.slice(set + 1, end)),
      conditions: whereOf(tokens),
      returning: findTop(tokens, 0, "RETURNING", "OUTPUT") < tokens.length,
    }),
  ];
}

function assignmentsOf(tokens: readonly Token[]): SqlAssignment[] {
  return splitTop(tokens, ",")
    .map(assignmentOf)
    .filter((entry) => entry !== undefined);
}

function readInsert(tokens: readonly Token[]): SqlStatement[] {
  const into = findTop(tokens, 0, "INTO");
  const start = into < tokens.length ? into + 1 : 1;
  const name = lastOfName(tokens.slice(start));
  const open = start + (name?.next ?? 0);
  const close = is(tokens[open], "(") ? afterBracket(tokens, open) : open;
  const columns = splitTop(tokens.slice(open + 1, close - 1), ",").map((part) => part.at(-1)?.text ?? "");
  const values = findTop(tokens, close, "VALUES", "VALUE");
  const row = is(tokens[values + 1], "(")
    ? splitTop(tokens.slice(values + 2, afterBracket(tokens, values + 1) - 1), ",")
    : [];
  const conflict = findTop(tokens, close, "ON");
  const updates = findTop(tokens, conflict, "UPDATE");
  const ignored = is(tokens[1], "IGNORE") || findTop(tokens, conflict, "NOTHING") < tokens.length;
  const main = make(tokens, {
    verb: "insert",
    tables: name ? [name.token] : [],
    assignments: columns.map((column, at) => ({
      column,
      kind: "set",
      value: { tokens: row[at] ?? [] },
      floored: false,
    })),
    returning: findTop(tokens, close, "RETURNING") < tokens.length,
    ...(ignored
      ? { conflict: "ignore" as const }
      : updates < tokens.length
        ? { conflict: "update" as const }
        : {}),
  });
  const select = findTop(tokens, close, "SELECT");
  const source = select < Math.min(values, conflict) ? readSelect(tokens.slice(select, conflict)) : [];
  if (main.conflict !== "update") return [...source, main];
  const changes = tokens.slice(
    is(tokens[updates + 1], "SET") ? updates + 2 : updates + 1,
    findTop(tokens, updates, "WHERE", "RETURNING"),
  );
  return [...source, main, { ...main, verb: "update", assignments: assignmentsOf(changes), conditions: [] }];
}

function readDelete(tokens: readonly Token[]): SqlStatement[] {
  const from = findTop(tokens, 0, "FROM");
  const { tables, aliases } = readTables(tokens.slice(from + 1, findTop(tokens, from + 1, ...AFTER_FROM)));
  return [
    make(tokens, {
      verb: "delete",
      tables,
      aliases,
      conditions: whereOf(tokens),
      returning: findTop(tokens, 0, "RETURNING") < tokens.length,
    }),
  ];
}

function readTruncate(tokens: readonly Token[]): SqlStatement[] {
  const name = is(tokens[1], "TABLE") ? tokens[2] : tokens[1];
  return [make(tokens, { verb: "delete", tables: name ? [name] : [] })];
}

function readWith(tokens: readonly Token[]): SqlStatement[] {
  const parts: SqlStatement[] = [];
  let at = 1;
  while (at < tokens.length) {
    const open = findTop(tokens, at, "AS");
    const bracket = findOpening(tokens, open);
    if (bracket === undefined) break;
    const close = afterBracket(tokens, bracket);
    parts.push(...readStatement(tokens.slice(bracket + 1, close - 1)));
    at = close;
    if (!is(tokens[at], ",")) break;
  }
  return [...parts, ...readStatement(tokens.slice(at))];
}

function findOpening(tokens: readonly Token[], as: number): number | undefined {
  for (let at = as + 1; at < Math.min(as + 4, tokens.length); at += 1) if (is(tokens[at], "(")) return at;
  return undefined;
}

function readMerge(tokens: readonly Token[]): SqlStatement[] {
  const into = findTop(tokens, 0, "INTO");
  const set = findTop(tokens, into, "SET");
  const { tables, aliases } = readTables(tokens.slice(into + 1, findTop(tokens, into, "USING")));
  const assignments = assignmentsOf(tokens.slice(set + 1, findTop(tokens, set, "WHEN")));
  return [make(tokens, { verb: "update", tables, aliases, assignments })];
}

function readCall(tokens: readonly Token[]): SqlStatement[] {
  const name = lastOfName(tokens.slice(1));
  return [make(tokens, { verb: "call", routine: name?.token.text ?? "" })];
}
