/** oxc-parser behind a small door: a syntax tree, or the place of the error that prevents it. */
import { parseSync, type ParserOptions } from "oxc-parser";
import type { Node } from "./node.ts";

export interface Comment {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export type Parsed =
  | { readonly program: Node; readonly comments: readonly Comment[] }
  | { readonly error: string; readonly start: number; readonly end: number };

type Language = NonNullable<ParserOptions["lang"]>;

/** Which grammars to try, in that order, by the end of the file's name. JavaScript may hold JSX or Flow's types. */
const GRAMMARS: Readonly<Record<string, readonly Language[]>> = {
  ts: ["ts"],
  mts: ["ts"],
  cts: ["ts"],
  tsx: ["tsx"],
  js: ["jsx", "ts", "tsx"],
  mjs: ["jsx", "ts"],
  cjs: ["jsx", "ts"],
  jsx: ["jsx", "tsx"],
};

export function isScript(path: string): boolean {
  return extensionOf(path) in GRAMMARS;
}

export function extensionOf(path: string): string {
  return /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
}

/** A fatal error gives an empty tree beside it: what has errors has no tree here. */
export function parse(path: string, content: string): Parsed {
  let first: Parsed | undefined;
  for (const lang of GRAMMARS[extensionOf(path)] ?? []) {
    for (const sourceType of ["module", "commonjs"] as const) {
      const parsed = attempt(path, content, { lang, sourceType });
      if ("program" in parsed) return parsed;
      first ??= parsed;
    }
  }
  return first ?? { error: "the language isn't known", start: 0, end: 0 };
}

function isFatal(severity: string): boolean {
  return severity === "Error";
}

function attempt(path: string, content: string, options: ParserOptions): Parsed {
  const result = parseSync(path, content, options);
  const error = result.errors.find(({ severity }) => isFatal(severity));
  if (error) {
    const label = error.labels[0];
    return { error: error.message, start: label?.start ?? 0, end: label?.end ?? 0 };
  }
  const comments = result.comments.map(({ value, start, end }) => ({ text: value, start, end }));
  return { program: result.program as unknown as Node, comments };
}
