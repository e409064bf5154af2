/** SQL as tokens. Comments are left out and strings are one token: what stands in them is never a keyword. */
import type { Comment } from "../syntax/parse.ts";

export interface Token {
  /** `word`: keyword or plain name; `name`: quoted name; `param`: `?`, `$1`, `:x`, `@x` or a hole of a template. */
  readonly kind: "word" | "name" | "string" | "number" | "param" | "mark";
  /** Words as written, names without quotes, marks as they are. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Stands for the hole number N of a template; private use characters don't occur in SQL. */
export const HOLE_OPEN = "\uE000";
export const HOLE_CLOSE = "\uE001";

const PATTERN = new RegExp(
  [
    String.raw`(?<space>\s+|--[^\n]*|#[^\n]*|/\*(?!!)[\s\S]*?(?:\*/|$))`,
    String.raw`(?<hint>/\*!\d*|\*/)`,
    `(?<param>${HOLE_OPEN}\\d+${HOLE_CLOSE}|\\$\\d+|\\?\\??|(?<![:\\w]):[A-Za-z_]\\w*|@[A-Za-z_]\\w*)`,
    String.raw`(?<dollar>\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$)`,
    String.raw`(?<string>[eEnN]?'(?:[^'\\]|''|\\[\s\S])*(?:'|$))`,
    '(?<name>"(?:[^"]|"")*(?:"|$)|`[^`]*(?:`|$)|\\[[A-Za-z_]\\w*\\])',
    String.raw`(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)`,
    String.raw`(?<word>[\p{L}_][\p{L}\p{N}_$]*)`,
    String.raw`(?<mark>::|<=|>=|<>|!=|:=|\|\||->>?|[\s\S])`,
  ].join("|"),
  "uy",
);

export function tokensOf(sql: string, offset = 0): Token[] {
  const tokens: Token[] = [];
  PATTERN.lastIndex = 0;
  for (let match = PATTERN.exec(sql); match; match = PATTERN.exec(sql)) {
    const groups = match.groups ?? {};
    const start = offset + match.index;
    const end = start + match[0].length;
    const kind = kindOf(groups);
    if (kind) tokens.push({ kind, text: kind === "name" ? match[0].slice(1, -1) : match[0], start, end });
    if (PATTERN.lastIndex >= sql.length) break;
  }
  return tokens;
}

/** The comments, as a parser of scripts gives them; those in the dollar-quoted body of a routine count too. */
export function commentsOf(sql: string, offset = 0): Comment[] {
  const comments: Comment[] = [];
  for (const match of sql.matchAll(new RegExp(PATTERN, "guy"))) {
    const [whole] = match;
    const start = offset + match.index;
    const end = start + whole.length;
    const groups = match.groups ?? {};
    if (groups["dollar"] !== undefined) {
      const mark = (groups["tag"] ?? "").length + 2;
      comments.push(...commentsOf(whole.slice(mark, -mark), start + mark));
    }
    const text = /^(?:--|#|\/\*)([\s\S]*?)(?:\*\/)?$/.exec(whole)?.[1];
    if (groups["space"] !== undefined && text !== undefined) comments.push({ text, start, end });
  }
  return comments;
}

function kindOf(groups: Readonly<Record<string, string | undefined>>): Token["kind"] | undefined {
  if (groups["space"] !== undefined || groups["hint"] !== undefined) return undefined;
  if (groups["dollar"] !== undefined) return "string";
  for (const kind of ["param", "string", "name", "number", "word"] as const) {
    if (groups[kind] !== undefined) return kind;
  }
  return "mark";
}

/** Whether the token is this keyword or mark. */
export function is(token: Token | undefined, ...texts: readonly string[]): boolean {
  if (!token || (token.kind !== "word" && token.kind !== "mark")) return false;
  return texts.includes(token.text.toUpperCase());
}

/** Parts between a mark or keyword that stands outside of all brackets. */
export function splitTop(tokens: readonly Token[], ...separators: readonly string[]): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  let between = false;
  for (const token of tokens) {
    if (is(token, "(")) depth += 1;
    if (is(token, ")")) depth -= 1;
    if (depth === 0 && is(token, "BETWEEN")) between = true;
    if (depth === 0 && is(token, ...separators) && !(between && is(token, "AND"))) parts.push([]);
    else parts.at(-1)?.push(token);
    if (depth === 0 && is(token, "AND")) between = false;
  }
  return parts;
}

/** The index of the first of these words outside of all brackets, or the length. */
export function findTop(tokens: readonly Token[], from: number, ...texts: readonly string[]): number {
  let depth = 0;
  for (let index = from; index < tokens.length; index += 1) {
    const token = tokens[index];
    if (depth === 0 && is(token, ...texts)) return index;
    if (is(token, "(")) depth += 1;
    if (is(token, ")")) depth -= 1;
  }
  return tokens.length;
}

/** The index after the bracket that closes the one at `open`. */
export function afterBracket(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let index = open; index < tokens.length; index += 1) {
    if (is(tokens[index], "(")) depth += 1;
    if (is(tokens[index], ")")) depth -= 1;
    if (depth === 0) return index + 1;
  }
  return tokens.length;
}
