import type { SuppressionComment } from "../contract.ts";
import { linesOf } from "./lines.ts";
import type { Comment } from "./parse.ts";

export function isSuppression(text: string): boolean {
  return /^[\s*]*billing-review-/.test(text);
}

/** Comments that speak to the reviewer. */
export function suppressionsOf(
  path: string,
  content: string,
  comments: readonly Comment[],
): SuppressionComment[] {
  const own = comments.filter(({ text }) => isSuppression(text));
  if (own.length === 0) return [];
  const lines = linesOf(content);
  return own.map(({ text, start, end }) => ({
    path,
    range: lines.rangeOf(start, end),
    text: text.replace(/^[\s*]+/, "").trim(),
  }));
}
