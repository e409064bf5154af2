/** Assignments and conditions of a statement. */
import type { SqlAssignment, SqlCondition } from "./statement.ts";
import { afterBracket, findTop, is, splitTop, type Token } from "./tokens.ts";

/** `a.col` or `col` at the beginning, and how many tokens it takes. */
export function columnAt(tokens: readonly Token[], at: number): { column: string; next: number } | undefined {
  const first = tokens[at];
  if (first?.kind !== "word" && first?.kind !== "name") return undefined;
  let index = at;
  while (is(tokens[index + 1], ".") && tokens[index + 2]) index += 2;
  return { column: tokens[index]?.text ?? "", next: index + 1 };
}

/** Without brackets that enclose everything, and without a cast at the end. */
export function unwrap(tokens: readonly Token[]): readonly Token[] {
  let inner = tokens;
  while (is(inner[0], "(") && afterBracket(inner, 0) === inner.length) inner = inner.slice(1, -1);
  const cast = findTop(inner, 0, "::");
  return cast < inner.length && cast > 0 && !inner.slice(cast).some((token) => is(token, "-", "+"))
    ? unwrap(inner.slice(0, cast))
    : inner;
}

const FLOORS = ["GREATEST", "MAX", "IIF", "IF", "CASE"];

export function assignmentOf(tokens: readonly Token[]): SqlAssignment | undefined {
  const equals = findTop(tokens, 0, "=", ":=");
  const column = columnAt(tokens, 0)?.column;
  if (equals === tokens.length) return undefined;
  if (column === undefined) return unnamedChange(tokens, equals);
  return changeOf(column, unwrap(tokens.slice(equals + 1)));
}

/** `SET ${column} = ${column} - 1`: the column's name is a value, and here the empty one. */
function unnamedChange(tokens: readonly Token[], equals: number): SqlAssignment | undefined {
  if (tokens[0]?.kind !== "param") return undefined;
  const value = unwrap(tokens.slice(equals + 1));
  const at = findTop(value, 1, "-", "+");
  const kind = at === value.length ? "set" : is(value[at], "-") ? "decrement" : "increment";
  return {
    column: "",
    kind,
    value: { tokens: kind === "set" ? value : value.slice(at + 1) },
    floored: false,
  };
}

/** How an expression changes the column that it is assigned to. */
export function changeOf(column: string, value: readonly Token[]): SqlAssignment {
  const floored = is(value[0], "GREATEST") || (is(value[0], "MAX") && is(value[1], "("));
  const set: SqlAssignment = { column, kind: "set", value: { tokens: value }, floored };
  const steps = relativeTo(column, value);
  if (steps) return { ...set, ...steps, floored: false };
  if (!is(value[0], ...FLOORS)) return set;
  const own = value.findIndex(
    (_, at) => sameColumn(value, at, column) && is(value[columnAt(value, at)?.next ?? 0], "-"),
  );
  if (own < 0) return set;
  const rest = value.slice((columnAt(value, own)?.next ?? own) + 1);
  return {
    ...set,
    kind: "decrement",
    value: { tokens: rest.slice(0, findTop(rest, 0, ",", ")", "ELSE", "END")) },
  };
}

function relativeTo(
  column: string,
  value: readonly Token[],
): Pick<SqlAssignment, "kind" | "value"> | undefined {
  const minus = findTop(value, 1, "-");
  const plus = findTop(value, 1, "+");
  const at = Math.min(minus, plus);
  if (at === value.length) return undefined;
  const left = unwrap(value.slice(0, at));
  const right = value.slice(at + 1);
  if (isColumn(left, column)) return signed(at === minus ? "decrement" : "increment", right);
  // `cost + column` adds; `cost - column` is no change of the column's own value.
  if (at === plus && isColumn(unwrap(right), column)) return signed("increment", left);
  return undefined;
}

function signed(
  kind: "decrement" | "increment",
  amount: readonly Token[],
): Pick<SqlAssignment, "kind" | "value"> {
  const inner = unwrap(amount);
  if (!is(inner[0], "-")) return { kind, value: { tokens: inner } };
  return { kind: kind === "decrement" ? "increment" : "decrement", value: { tokens: inner.slice(1) } };
}

function isColumn(tokens: readonly Token[], column: string): boolean {
  const coalesced = is(tokens[0], "COALESCE", "IFNULL", "NVL", "ISNULL", "CAST");
  if (coalesced) return tokens.some((_, at) => sameColumn(tokens, at, column));
  return sameColumn(tokens, 0, column) && columnAt(tokens, 0)?.next === tokens.length;
}

function sameColumn(tokens: readonly Token[], at: number, column: string): boolean {
  return plain(columnAt(tokens, at)?.column ?? "") === plain(column);
}

/** An entity's `quotaRemaining` is the table's `quota_remaining`: builders name the one, SQL by hand the other. */
function plain(column: string): string {
  return column.replaceAll("_", "").toLowerCase();
}

const FLIPPED: Readonly<Record<string, string>> = {
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
  "=": "=",
  "<>": "<>",
};

/** The conditions that must all hold; what is joined by OR is one condition of the kind `other`. */
export function conditionsOf(tokens: readonly Token[]): SqlCondition[] {
  const inner = unwrap(tokens);
  const parts = splitTop(inner, "AND");
  if (parts.length > 1) return parts.flatMap((part) => conditionsOf(part));
  if (inner.length === 0) return [];
  return [conditionOf(inner)];
}

function conditionOf(tokens: readonly Token[]): SqlCondition {
  const other: SqlCondition = {
    column: columnAt(tokens, 0)?.column ?? "",
    operator: "other",
    value: { tokens },
  };
  if (findTop(tokens, 0, "OR") < tokens.length) return { ...other, column: "" };
  if (is(tokens[0], "NOT") && tokens.length <= 4) {
    return { column: columnAt(tokens, 1)?.column ?? "", operator: "=", value: { tokens: [] } };
  }
  const isAt = findTop(tokens, 0, "IS", "ISNULL");
  if (isAt < tokens.length) return { ...other, operator: is(tokens[isAt + 1], "NOT") ? "not null" : "null" };
  if (findTop(tokens, 0, "IN") < tokens.length) return { ...other, operator: "in" };
  const at = findTop(tokens, 0, "<=", ">=", "<>", "!=", "=", "<", ">");
  return at < tokens.length ? comparison(tokens, at) : other;
}

function comparison(tokens: readonly Token[], at: number): SqlCondition {
  const sign = tokens[at]?.text === "!=" ? "<>" : (tokens[at]?.text ?? "");
  const left = unwrap(tokens.slice(0, at));
  const right = unwrap(tokens.slice(at + 1));
  const own = soleColumn(left);
  if (own !== undefined)
    return { column: own, operator: sign as SqlCondition["operator"], value: { tokens: right } };
  const flipped = FLIPPED[sign] as SqlCondition["operator"];
  return { column: soleColumn(right) ?? "", operator: flipped, value: { tokens: left } };
}

/** The column that the side is about: `col`, `COALESCE(col, 0)`, `col - ?`. */
function soleColumn(tokens: readonly Token[]): string | undefined {
  if (is(tokens[0], "COALESCE", "IFNULL") && is(tokens[1], "(")) return columnAt(tokens, 2)?.column;
  const column = columnAt(tokens, 0);
  if (!column || is(tokens[column.next], "(")) return undefined;
  if (column.next === tokens.length || is(tokens[column.next], "-", "+", "::")) return column.column;
  return undefined;
}
