/** SQL in strings and templates: the same statements as the builders give, with the values of its parameters. */
import type { Assignment, Condition, Statement } from "../engine/effect.ts";
import {
  constant,
  displayName,
  fieldOf,
  operation,
  optionsOf,
  UNDEFINED,
  type Template,
  type Value,
} from "../engine/value.ts";
import { changeOf, conditionsOf } from "../sql/read-expression.ts";
import { readSql } from "../sql/read.ts";
import type { SqlAssignment, SqlCondition, SqlStatement } from "../sql/statement.ts";
import { HOLE_CLOSE, HOLE_OPEN, tokensOf, type Token } from "../sql/tokens.ts";
import { MAY_CONCERN_QUOTA, tableName } from "../vocabulary.ts";

const VERB =
  /^[\s(]*(?:--[^\n]*\n\s*|\/\*[\s\S]*?\*\/\s*)*(?:with|select|insert|update|delete|replace|merge|begin|start\s+transaction|commit|rollback|call|exec|lock|set\s+(?:session\s+|local\s+)?transaction|truncate)\b/i;

export interface SqlText {
  readonly text: string;
  readonly holes: readonly Value[];
}

/** The text of a value that is a string; tagged templates inside of it become part of it. */
export function textOf(value: Value | undefined): SqlText | undefined {
  if (value?.kind === "constant" && typeof value.value === "string") return { text: value.value, holes: [] };
  if (value?.kind === "record") return textOf(fieldOf(value, "text", "sql", "query"));
  if (value?.kind === "call") {
    const isRaw = /^(?:raw|literal|unsafe|sql|lit|identifier|id|ref|col|column|table|empty)$/.test(
      displayName(value),
    );
    return isRaw ? textOf(value.args[0]) : undefined;
  }
  if (value?.kind !== "template") return undefined;
  const holes: Value[] = [];
  let text = value.texts[0] ?? "";
  value.holes.forEach((hole, at) => {
    text += rendered(value, hole, holes) + (value.texts[at + 1] ?? "");
  });
  return { text, holes };
}

function rendered(template: Template, hole: Value, holes: Value[]): string {
  const inner = template.tag && hole.kind !== "constant" ? textOf(hole) : undefined;
  if (inner) {
    const before = holes.length;
    holes.push(...inner.holes);
    return inner.text.replaceAll(new RegExp(`${HOLE_OPEN}(\\d+)${HOLE_CLOSE}`, "g"), (_, n: string) =>
      mark(before + Number(n)),
    );
  }
  // A table or a column of a schema is named; data of a row or of the caller never has this form.
  if (
    template.tag &&
    hole.kind === "get" &&
    hole.name !== undefined &&
    hole.deps.size === 0 &&
    isSchema(hole.base)
  ) {
    return `${displayName(hole.base)}.${hole.name}`;
  }
  holes.push(hole);
  return mark(holes.length - 1);
}

export function isSchema(value: Value): boolean {
  if (value.kind === "call") return /table$|^view$|^as$|^alias$/i.test(displayName(value));
  if (value.kind === "get")
    return isSchema(value.base) || /^(?:schema|tables)$/.test(displayName(value.base));
  return value.kind === "unknown" && (value.role === "import" || value.role === "global");
}

function mark(index: number): string {
  return `${HOLE_OPEN}${index}${HOLE_CLOSE}`;
}

export function looksLikeSql(value: Value | undefined): boolean {
  return value !== undefined && optionsOf(value).some((option) => VERB.test(textOf(option)?.text ?? ""));
}

/** The statements of a text, run through a handle with these parameters. */
export function statementsOf(
  value: Value,
  params: readonly Value[],
  handle: Value,
  library: string,
): Statement[] {
  const ways = optionsOf(value).map((option) => {
    const sql = textOf(option);
    if (!sql || !VERB.test(sql.text)) return [];
    const given = params[0]?.kind === "list" ? params[0].items : params.length > 0 ? params : listOf(option);
    const resolver: Resolver = { ...withNames(sql, given), named: params[0] };
    return readSql(resolver.sql.text).flatMap((read) => toStatement(read, resolver, handle, library));
  });
  // Of several texts that read, a lock counts only when each of them takes it.
  const reads = ways.filter((way) => way.some(({ verb }) => verb === "read"));
  const isSure = reads.length < 2 || reads.every((way) => way.some(({ lock }) => lock === "update"));
  const all = ways.flat();
  return isSure ? all : all.map((entry) => (entry.lock ? { ...entry, lock: "conditional" as const } : entry));
}

/** `??` of knex and mysql stands for a name: one that is known is written in its place. */
function withNames(sql: SqlText, list: readonly Value[]): Pick<Resolver, "sql" | "list"> {
  if (!sql.text.includes("??")) return { sql, list };
  const holes = [...sql.holes];
  const rest: Value[] = [];
  let text = "";
  let done = 0;
  const places = tokensOf(sql.text).filter((token) => token.text === "?" || token.text === "??");
  places.forEach((token, at) => {
    const value = list[at] ?? UNDEFINED;
    text += sql.text.slice(done, token.start);
    done = token.end;
    const name = value.kind === "constant" && typeof value.value === "string" ? value.value : undefined;
    if (token.text === "?") {
      rest.push(value);
      text += "?";
    } else if (name !== undefined) text += name;
    else text += mark(holes.push(value) - 1);
  });
  return { sql: { text: text + sql.text.slice(done), holes }, list: rest };
}

/** `{ text, values }` of pg. */
function listOf(value: Value): readonly Value[] {
  const values = fieldOf(value, "values", "args", "params", "bind", "replacements");
  return values?.kind === "list" ? values.items : [];
}

interface Resolver {
  readonly sql: SqlText;
  readonly list: readonly Value[];
  readonly named: Value | undefined;
}

function valueOf(token: Token, { sql, list, named }: Resolver): Value {
  if (token.text.startsWith(HOLE_OPEN)) return sql.holes[Number(token.text.slice(1, -1))] ?? UNDEFINED;
  if (token.text.startsWith("$")) return list[Number(token.text.slice(1)) - 1] ?? operation("sql", list);
  if (token.text === "?") {
    const before = sql.text.slice(0, token.start);
    return list[tokensOf(before).filter(({ text }) => text === "?").length] ?? operation("sql", list);
  }
  return (
    fieldOf(named, token.text.slice(1)) ??
    fieldOf(fieldOf(named, "replacements", "bind"), token.text.slice(1)) ??
    operation("sql", [])
  );
}

function expressionOf(tokens: readonly Token[], resolver: Resolver): Value {
  const [first, second] = tokens;
  if (first && !second) {
    if (first.kind === "param") return valueOf(first, resolver);
    if (first.kind === "number") return constant(Number(first.text));
    if (first.kind === "string") return constant(first.text.slice(1, -1));
    if (/^(?:true|false)$/i.test(first.text)) return constant(/^true$/i.test(first.text));
    if (/^null$/i.test(first.text)) return constant(null);
  }
  const values = tokens.filter(({ kind }) => kind === "param").map((token) => valueOf(token, resolver));
  const minus = tokens.findIndex((token) => token.text === "-");
  if (values.length > 0 && minus > 0)
    return operation("-", [
      expressionOf(tokens.slice(0, minus), resolver),
      expressionOf(tokens.slice(minus + 1), resolver),
    ]);
  const sign = first?.text === "-" ? "neg" : "sql";
  return operation(sign, [...values, constant(tokens.map(({ text }) => text).join(" "))]);
}

function toStatement(read: SqlStatement, resolver: Resolver, handle: Value, library: string): Statement[] {
  const base = { handle, library };
  const plain = { tables: [], assignments: [], conditions: [], answer: "object" as const, ...base };
  switch (read.verb) {
    case "other":
    case "schema":
    case "savepoint":
      return [];
    case "begin":
    case "commit":
    case "rollback":
    case "serializable":
      return [{ ...plain, verb: read.verb }];
    case "call":
      return callOf(read, plain, read.lock);
    case "read":
    case "update":
    case "insert":
    case "delete":
    case "lock":
      break;
  }
  const tables = read.tables.map((token) => nameOfToken(token, resolver));
  if (tables[0] === "" && read.verb !== "lock" && MAY_CONCERN_QUOTA.test(resolver.sql.text)) {
    return read.verb === "read"
      ? []
      : [{ ...plain, verb: "unclear", note: "the table of this SQL is only known at run time" }];
  }
  return [
    {
      ...plain,
      verb: read.verb,
      tables,
      assignments: read.assignments.map((entry) => toAssignment(entry, resolver)),
      conditions: read.conditions.map((entry) => toCondition(entry, resolver)),
      lockOf: read.lockOf.map((name) => tableName(read.aliases.get(name) ?? name)),
      returning: read.returning,
      answer: read.returning ? "rows" : "object",
      ...(read.lock ? { lock: read.lock } : {}),
      ...(read.conflict ? { conflict: read.conflict } : {}),
    },
  ];
}

function callOf(read: SqlStatement, plain: Omit<Statement, "verb">, lock: SqlStatement["lock"]): Statement[] {
  if (lock === "advisory") return [{ ...plain, verb: "lock", lock }];
  const routine = read.routine ?? "";
  if (!MAY_CONCERN_QUOTA.test(routine)) return [];
  return [{ ...plain, verb: "unclear", note: `routine ${routine}` }];
}

function nameOfToken(token: Token, resolver: Resolver): string {
  if (token.kind !== "param") return tableName(token.text);
  const value = valueOf(token, resolver);
  if (value.kind === "constant") return typeof value.value === "string" ? tableName(value.value) : "";
  return value.deps.size === 0 &&
    (value.kind === "call" || isSchema(value)) &&
    resolver.sql.text.includes(HOLE_OPEN)
    ? tableName(displayName(value))
    : "";
}

function toAssignment({ column, kind, value, floored }: SqlAssignment, resolver: Resolver): Assignment {
  return { column, kind, value: expressionOf(value.tokens, resolver), floored };
}

function toCondition({ column, operator, value }: SqlCondition, resolver: Resolver): Condition {
  return { column, operator, value: expressionOf(value.tokens, resolver) };
}

/** `credits - 1` as the new value of `credits`, written by hand in a builder. */
export function changeByText(
  column: string,
  value: Value,
  params: readonly Value[] = [],
): Assignment | undefined {
  const sql = textOf(value);
  if (!sql) return undefined;
  const list = params[0]?.kind === "list" ? params[0].items : params;
  const resolver = { ...withNames(sql, list), named: params[0] };
  return toAssignment(changeOf(column, tokensOf(resolver.sql.text)), resolver);
}

/** `credits >= ?` in a builder's raw condition. */
export function conditionsByText(value: Value | undefined, params: readonly Value[]): Condition[] {
  const sql = textOf(value);
  if (!sql) return [];
  const list = params[0]?.kind === "list" ? params[0].items : params;
  const resolver = { ...withNames(sql, list), named: params[0] };
  return conditionsOf(tokensOf(resolver.sql.text)).map((entry) => toCondition(entry, resolver));
}
