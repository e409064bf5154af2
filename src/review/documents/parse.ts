/**
 * Reads YAML and JSON into trees with places. Whatever it can't take is a fault with its place, never
 * silence.
 */
import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  parseAllDocuments,
  type Alias,
  type Document,
  type Node,
  type YAMLMap,
} from "yaml";

import { cleanJson, type Comment } from "./jsonc.ts";
import type { Entry, Span, Tree } from "./tree.ts";

/** Characters. A pipeline of a thousand steps has about 100,000. */
export const DOCUMENT_LENGTH_MAX = 256 * 1024;
/** Documents in one file, apart by `---`. */
export const DOCUMENTS_MAX = 200;
/** Values after all aliases are unfolded. */
export const VALUES_MAX = 50_000;
/** Brackets, or levels of indentation; the parser calls itself for each. */
export const DEPTH_MAX = 100;

export interface Fault extends Span {
  readonly kind: "syntax" | "duplicate" | "limit";
  readonly message: string;
}

export interface ParsedFile {
  /** One for each document that could be read. */
  readonly roots: readonly Tree[];
  readonly faults: readonly Fault[];
  readonly comments: readonly Comment[];
}

/** Never throws: a fault of the text is a fault in the answer. */
export function parseFile(path: string, source: string): ParsedFile {
  const isJson = /\.(?:json|jsonc|json5)$/i.test(path);
  const { text, comments } = isJson ? cleanJson(source) : { text: source, comments: yamlComments(source) };
  if (text.length > DOCUMENT_LENGTH_MAX) {
    return onlyFault(`the file has more than ${DOCUMENT_LENGTH_MAX} characters`, comments);
  }
  if (isTooDeep(text)) return onlyFault(`the file nests more than ${DEPTH_MAX} levels`, comments);
  const documents = documentsIn(text);
  if (documents === undefined) return onlyFault("the parser gave the file up", comments);
  if (documents.length > DOCUMENTS_MAX) {
    return onlyFault(`the file has more than ${DOCUMENTS_MAX} documents`, comments);
  }
  const faults: Fault[] = [];
  const roots = documents.flatMap((document) => {
    const broken = document.errors.map(({ pos, message }): Fault => {
      return { kind: "syntax", from: pos[0], to: pos[1], message: message.split("\n")[0] ?? message };
    });
    faults.push(...broken);
    if (broken.length > 0 || document.contents === null) return [];
    const tree = new Reader(document, faults).read();
    return tree === undefined ? [] : [tree];
  });
  return { roots, faults, comments };
}

function onlyFault(message: string, comments: readonly Comment[]): ParsedFile {
  return { roots: [], faults: [{ kind: "limit", from: 0, to: 0, message }], comments };
}

function documentsIn(text: string): Document.Parsed[] | undefined {
  try {
    const options = { intAsBigInt: true, uniqueKeys: false, prettyErrors: false, logLevel: "error" } as const;
    const documents = parseAllDocuments(text, options);
    return "empty" in documents ? [] : documents;
  } catch (error) {
    // The parser's stack has run out, or it has a fault of its own: the file stays unjudged, and it is said.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** Counts open brackets, and lines that stand further in than the ones above them. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const [mark] of text.matchAll(/[[\]{}]/g)) {
    depth += mark === "[" || mark === "{" ? 1 : -1;
    if (depth > DEPTH_MAX) return true;
  }
  const columns: number[] = [];
  for (const [, indent = "", dashes = ""] of text.matchAll(/^( *)((?:[-?] +)*)[^\s-]/gm)) {
    while ((columns.at(-1) ?? -1) >= indent.length) columns.pop();
    columns.push(indent.length);
    // `- - - a` opens three lists in one line.
    if (columns.length + dashes.replaceAll(" ", "").length > DEPTH_MAX) return true;
  }
  return false;
}

/** The lexer knows which `#` begins a comment, and which is a part of a text. */
function yamlComments(source: string): Comment[] {
  const comments: Comment[] = [];
  let at = 0;
  for (const token of new Lexer().lex(source)) {
    // These stand for a place, not for a character: start of document, of a scalar, end of a faulty flow.
    if (token === "\u0002" || token === "\u001f" || token === "\u0018") continue;
    if (token.startsWith("#")) {
      comments.push({ from: at, to: at + token.length, text: token.slice(1).trim() });
    }
    at += token.length;
  }
  return comments;
}

/** Turns the library's nodes into trees: resolves aliases and merges, finds keys that stand there twice. */
class Reader {
  readonly #document: Document.Parsed;
  readonly #faults: Fault[];
  readonly #done = new Map<Node, Tree>();
  readonly #sizes = new Map<Tree, number>();
  readonly #open = new Set<Node>();

  constructor(document: Document.Parsed, faults: Fault[]) {
    this.#document = document;
    this.#faults = faults;
  }

  /** Undefined, and a fault, when the document has no end or too many values. */
  read(): Tree | undefined {
    const { contents } = this.#document;
    if (contents === null) return undefined;
    try {
      return this.#read(contents);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.#faults.push({ kind: "limit", from: error.at, to: error.at, message: error.message });
      return undefined;
    }
  }

  #read(node: Node): Tree {
    const known = this.#done.get(node);
    if (known !== undefined) return known;
    const from = node.range?.[0] ?? 0;
    if (this.#open.has(node)) throw new Unreadable("an alias contains itself", from);
    this.#open.add(node);
    const tree = this.#treeOf(node, { from, to: node.range?.[1] ?? from });
    this.#open.delete(node);
    this.#done.set(node, tree);
    this.#sizes.set(tree, this.#sizeOf(tree, from));
    return tree;
  }

  #treeOf(node: Node, span: Span): Tree {
    if (isAlias(node)) return this.#aliased(node, span);
    if (isSeq<Node>(node)) {
      const items = node.items.map((item) => (item === null ? nothing(span) : this.#read(item)));
      return { kind: "list", items, ...span };
    }
    if (isMap<Node, Node | null>(node)) return { kind: "map", entries: this.#entriesOf(node, span), ...span };
    const value = isScalar(node) ? node.value : null;
    return { kind: "scalar", value: plainScalar(value), ...span };
  }

  #aliased(node: Alias, span: Span): Tree {
    const target = node.resolve(this.#document);
    if (target === undefined) throw new Unreadable(`the alias *${node.source} has no anchor`, span.from);
    return this.#read(target);
  }

  #entriesOf(map: YAMLMap<Node, Node | null>, span: Span): Entry[] {
    const own: Entry[] = [];
    const merged: Entry[] = [];
    const seen = new Set<string>();
    for (const pair of map.items) {
      if (!isPair(pair)) continue;
      const keySpan = spanOf(pair.key, span);
      const value = pair.value === null ? nothing(keySpan) : this.#read(pair.value);
      const key = isScalar(pair.key)
        ? String(pair.key.value)
        : this.#document.createNode(pair.key).toString();
      if (key === "<<" && value.kind !== "scalar") {
        for (const source of value.kind === "list" ? value.items : [value]) {
          if (source.kind === "map") merged.push(...source.entries);
        }
        if (merged.length > VALUES_MAX) throw tooLarge(span.from);
        continue;
      }
      if (seen.has(key)) {
        const message = `${key} stands here twice; which one counts depends on the reader`;
        this.#faults.push({ kind: "duplicate", ...keySpan, message });
      }
      seen.add(key);
      own.push({ key, keySpan, value });
      if (own.length + merged.length > VALUES_MAX) throw tooLarge(span.from);
    }
    const taken = new Set(own.map(({ key }) => key));
    const added = merged.filter(({ key }) => !taken.has(key) && taken.add(key));
    return [...added, ...own];
  }

  /** What an alias unfolds to counts each time, though it is kept once. */
  #sizeOf(tree: Tree, at: number): number {
    const parts =
      tree.kind === "list" ? tree.items : tree.kind === "map" ? tree.entries.map(({ value }) => value) : [];
    const size = parts.reduce((sum, part) => sum + (this.#sizes.get(part) ?? 1), 1);
    if (size > VALUES_MAX) throw tooLarge(at);
    return size;
  }
}

class Unreadable extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

function tooLarge(at: number): Unreadable {
  return new Unreadable(`the document unfolds to more than ${VALUES_MAX} values`, at);
}

function spanOf(node: Node | null, around: Span): Span {
  const range = node?.range;
  return range ? { from: range[0], to: range[1] } : around;
}

function nothing({ to }: Span): Tree {
  return { kind: "scalar", value: null, from: to, to };
}

function plainScalar(value: unknown): string | number | bigint | boolean | null {
  if (typeof value === "string" || typeof value === "number") return value;
  if (typeof value === "bigint" || typeof value === "boolean") return value;
  // Dates and bytes, which the core schema doesn't make.
  return value === null || value === undefined ? null : JSON.stringify(value);
}
