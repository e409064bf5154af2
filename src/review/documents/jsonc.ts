/**
 * JSON with comments, made readable for a YAML parser: the same text with the same offsets, without
 * comments.
 */
import type { Span } from "./tree.ts";

export interface CleanJson {
  /** As long as the source, so that every offset stays right. */
  readonly text: string;
  readonly comments: readonly Comment[];
}

export interface Comment extends Span {
  /** Without its marks, trimmed. */
  readonly text: string;
}

/** A string, a comment of either kind, or a tab, which YAML takes for a fault where JSON doesn't. */
const TOKEN = /"(?:[^"\\\n]|\\.)*"?|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\t/g;

export function cleanJson(source: string): CleanJson {
  const comments: Comment[] = [];
  const text = source.replaceAll(TOKEN, (token, at: number) => {
    if (token.startsWith('"')) return token;
    if (token.startsWith("/")) {
      const inner = token.replace(/^\/[/*]/, "").replace(/\*\/$/, "");
      comments.push({ from: at, to: at + token.length, text: inner.trim() });
    }
    return token.replaceAll(/[^\n\r]/g, " ");
  });
  return { text, comments };
}
