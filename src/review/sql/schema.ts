/** What CREATE TABLE, ALTER TABLE and CREATE UNIQUE INDEX promise: what can't be negative, what is unique. */
import { tableName } from "../vocabulary.ts";
import { columnAt } from "./read-expression.ts";
import { afterBracket, is, splitTop, type Token } from "./tokens.ts";

export interface SchemaFacts {
  readonly nonNegative: Set<string>;
  readonly unique: Map<string, string[][]>;
}

export function readSchema(tokens: readonly Token[], facts: SchemaFacts): void {
  const index = tokens.findIndex((token) => is(token, "INDEX"));
  if (is(tokens[0], "CREATE") && index > 0 && tokens.slice(0, index).some((token) => is(token, "UNIQUE"))) {
    const on = tokens.findIndex((token) => is(token, "ON"));
    const open = tokens.findIndex((token, at) => at > on && is(token, "("));
    if (on > 0 && open > 0) addUnique(facts, tableOf(tokens.slice(on + 1, open)), columnsIn(tokens, open));
    return;
  }
  const at = tokens.findIndex((token) => is(token, "TABLE"));
  if (at < 0 || at > 3) return;
  const rest = tokens.slice(at + 1).filter((token) => !is(token, "IF", "NOT", "EXISTS", "ONLY"));
  const open = rest.findIndex((token) => is(token, "("));
  const isCreate = is(tokens[0], "CREATE") && open > 0;
  const table = tableOf(rest.slice(0, isCreate ? open : 3));
  const body = tokens.slice(at + 1);
  const start = body.findIndex((token) => is(token, "("));
  const parts = isCreate
    ? splitTop(body.slice(start + 1, afterBracket(body, start) - 1), ",")
    : splitTop(body, ",", "ADD");
  for (const part of parts) readPart(part, table, facts);
}

function tableOf(tokens: readonly Token[]): string {
  return tableName(columnAt(tokens, 0)?.column ?? "");
}

function readPart(part: readonly Token[], table: string, facts: SchemaFacts): void {
  const [first] = part;
  const constraint = is(first, "CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "KEY", "INDEX");
  if (!constraint && first && part.some((token) => is(token, "UNSIGNED")))
    facts.nonNegative.add(`${table}.${first.text}`);
  if (!constraint && first && part.some((token) => is(token, "UNIQUE")))
    addUnique(facts, table, [first.text]);
  part.forEach((token, at) => {
    if (is(token, "CHECK") && is(part[at + 1], "("))
      readCheck(part.slice(at + 2, afterBracket(part, at + 1) - 1), table, facts);
  });
  const unique = part.findIndex((token) => is(token, "UNIQUE"));
  const open = part.findIndex((token, at) => at > unique && is(token, "("));
  if (constraint && unique >= 0 && open > 0) addUnique(facts, table, columnsIn(part, open));
}

/** `CHECK (credits >= 0 AND …)`. */
function readCheck(tokens: readonly Token[], table: string, facts: SchemaFacts): void {
  for (const part of splitTop(tokens, "AND")) {
    const inner = part.filter((token) => !is(token, "(", ")"));
    const column = columnAt(inner, 0);
    const next = inner[column?.next ?? 0];
    if (column && is(next, ">=") && inner[column.next + 1]?.text === "0")
      facts.nonNegative.add(`${table}.${column.column}`);
  }
}

function addUnique(facts: SchemaFacts, table: string, columns: string[]): void {
  facts.unique.set(table, [
    ...(facts.unique.get(table) ?? []),
    columns.map((column) => column.toLowerCase()),
  ]);
}

function columnsIn(tokens: readonly Token[], open: number): string[] {
  return splitTop(tokens.slice(open + 1, afterBracket(tokens, open) - 1), ",").map(
    (part) => part[0]?.text ?? "",
  );
}
