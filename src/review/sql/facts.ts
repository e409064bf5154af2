/** What SQL files say: tables, routines, statements. */
import type { SourceFile } from "../contract.ts";
import type { Trace } from "../engine/effect.ts";
import type { Schema } from "../rule/facts.ts";
import { SCRIPT, traceOf } from "./routine.ts";
import { readSchema, type SchemaFacts } from "./schema.ts";
import { findTop, is, tokensOf, type Token } from "./tokens.ts";

export interface SqlFacts {
  readonly schema: Schema;
  readonly traces: readonly Trace[];
  /** In lower case. */
  readonly routines: ReadonlySet<string>;
}

export function sqlFacts(files: readonly SourceFile[]): SqlFacts {
  const schema: SchemaFacts = { nonNegative: new Set(), unique: new Map() };
  const traces: Trace[] = [];
  const routines = new Set<string>();
  for (const { path, content } of files) {
    const tokens = tokensOf(withoutDelimiters(content));
    const script: Token[] = [];
    for (let at = 0; at < tokens.length;) {
      const found = is(tokens[at], "CREATE") ? routineAt(tokens, at) : undefined;
      if (found) {
        routines.add(found.name.toLowerCase());
        traces.push(
          traceOf({
            path,
            source: content,
            name: found.name,
            tokens: found.body,
            inTransaction: found.inTransaction,
            givesLast: found.givesLast,
          }),
        );
        at = found.end;
        continue;
      }
      const end = Math.min(findTop(tokens, at, ";") + 1, tokens.length);
      const own = tokens.slice(at, end);
      if (is(own[0], "CREATE", "ALTER")) readSchema(own, schema);
      else script.push(...own);
      at = Math.max(end, at + 1);
    }
    if (script.length > 0)
      traces.push(traceOf({ path, source: content, name: SCRIPT, tokens: script, inTransaction: false }));
  }
  return { schema, traces, routines };
}

/** DELIMITER is a word of the mysql client: what it sets stands for the semicolon. Lengths stay, so that places do. */
function withoutDelimiters(content: string): string {
  let delimiter = ";";
  return content
    .split("\n")
    .map((line) => {
      const set = /^\s*DELIMITER\s+(\S+)\s*$/i.exec(line)?.[1];
      if (set !== undefined) {
        delimiter = set;
        return " ".repeat(line.length);
      }
      return delimiter === ";" ? line : line.replaceAll(delimiter, ";".padEnd(delimiter.length));
    })
    .join("\n");
}

interface Found {
  readonly name: string;
  readonly body: readonly Token[];
  readonly inTransaction: boolean;
  readonly givesLast: boolean;
  readonly end: number;
}

function routineAt(tokens: readonly Token[], at: number): Found | undefined {
  const kind = tokens
    .slice(at, at + HEAD_MAX)
    .findIndex((token) => is(token, "PROCEDURE", "FUNCTION", "TRIGGER"));
  const stop = tokens
    .slice(at, at + HEAD_MAX)
    .findIndex((token) => is(token, "TABLE", "INDEX", "VIEW", ";", "POLICY"));
  if (kind < 0 || (stop >= 0 && stop < kind)) return undefined;
  const nameAt = at + kind + 1;
  const name = (is(tokens[nameAt + 1], ".") ? tokens[nameAt + 2] : tokens[nameAt])?.text ?? "";
  for (let index = nameAt; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (token?.kind === "string" && token.text.startsWith("$")) {
      const mark = /^\$\w*\$/.exec(token.text)?.[0] ?? "$$";
      const body = tokensOf(token.text.slice(mark.length, -mark.length), token.start + mark.length);
      const language = findTop(tokens, index, ";");
      const givesLast = isInSql(tokens.slice(at, language));
      return { name, body: bodyOf(body), inTransaction: true, givesLast, end: language + 1 };
    }
    if (token?.kind === "string" && is(tokens[index - 1], "AS")) {
      const body = tokensOf(token.text.slice(1, -1), token.start + 1);
      const end = findTop(tokens, index, ";");
      return {
        name,
        body: bodyOf(body),
        inTransaction: true,
        givesLast: isInSql(tokens.slice(at, end)),
        end: end + 1,
      };
    }
    if (is(token, "BEGIN")) {
      const end = endOfCompound(tokens, index);
      return {
        name,
        body: tokens.slice(index + 1, end),
        inTransaction: false,
        givesLast: false,
        end: findTop(tokens, end, ";") + 1,
      };
    }
    if (is(token, ";")) return undefined;
  }
  return undefined;
}

/** LANGUAGE sql, and not plpgsql. */
function isInSql(tokens: readonly Token[]): boolean {
  return tokens.some((token, at) => is(token, "LANGUAGE") && /^'?sql'?$/i.test(tokens[at + 1]?.text ?? ""));
}

/** Between CREATE and what is created stands little. */
const HEAD_MAX = 12;

/** PL/pgSQL: declarations, then BEGIN … END. */
function bodyOf(tokens: readonly Token[]): readonly Token[] {
  const begin = tokens.findIndex((token) => is(token, "BEGIN"));
  return begin < 0
    ? tokens
    : [...tokens.slice(0, begin).filter((token) => !is(token, "DECLARE")), ...tokens.slice(begin + 1)];
}

function endOfCompound(tokens: readonly Token[], begin: number): number {
  let depth = 0;
  for (let at = begin; at < tokens.length; at += 1) {
    const token = tokens[at];
    const afterEnd = is(tokens[at - 1], "END");
    if (is(token, "BEGIN", "CASE", "LOOP", "REPEAT") && !afterEnd) depth += 1;
    const begins = is(tokens[at - 1], ";", "BEGIN", "THEN", "ELSE", "DO", "LOOP");
    if (is(token, "IF") && begins) depth += 1;
    if (is(token, "WHILE") && !afterEnd) depth += 1;
    if (is(token, "END")) depth -= 1;
    if (depth === 0) return at;
  }
  return tokens.length;
}
