/** The project's documents: their headings, links, code blocks, and the calls that they show. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface CodeBlock {
  /** What stands after the fence, such as `sh`. */
  readonly language: string;
  readonly text: string;
}

export interface Heading {
  /** From 1. */
  readonly level: number;
  readonly text: string;
}

export interface Document {
  /** From the project's folder: `docs/operations.md`. */
  readonly path: string;
  /** Without code blocks. */
  readonly prose: string;
  readonly blocks: readonly CodeBlock[];
  readonly headings: readonly Heading[];
  /** What stands in `[…](here)`. */
  readonly links: readonly string[];
  /** Words in backticks. */
  readonly names: readonly string[];
}

/** The README in all its languages, and everything below docs. */
export function allDocuments(): Document[] {
  const readmes = readdirSync(ROOT).filter((name) => /^README.*\.md$/.test(name));
  const docs = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name));
  return [...readmes, ...docs].toSorted().map(readDocument);
}

/** A fenced block, which a list may have indented. */
const BLOCK = /^( *)```(\w*)\n(.*?)^\1```$/gms;

/** @throws Error when there is no such file */
export function readDocument(path: string): Document {
  const text = readFileSync(join(ROOT, path), "utf8");
  const prose = text.replaceAll(BLOCK, "");
  return {
    path,
    prose,
    blocks: [...text.matchAll(BLOCK)].map(([, indent = "", language = "", inner = ""]) => ({
      language,
      text: inner.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    })),
    headings: [...prose.matchAll(/^(#+) (.*)$/gm)].map(([, marks = "", words = ""]) => ({
      level: marks.length,
      text: words,
    })),
    links: [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = ""]) => target),
    names: [...prose.matchAll(/`([^`\n]+)`/g)].map(([, name = ""]) => name),
  };
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchorsOf({ headings }: Document): string[] {
  const seen = new Map<string, number>();
  return headings.map(({ text }) => {
    const slug = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    const earlier = seen.get(slug) ?? 0;
    seen.set(slug, earlier + 1);
    return earlier === 0 ? slug : `${slug}-${earlier}`;
  });
}

/** A call that a document shows. */
export interface ShownCall {
  /** `billing.quota.v1.QuotaService`. */
  readonly service: string;
  readonly method: string;
  /** The request's JSON; a shell variable in it has become the word `VARIABLE`. */
  readonly json: string;
}

const METHOD = /\b(?:billing[ .])((?:\w+\.)+\w+Service)\/(\w+)/g;
/** What `-d` is given: one quoted text, in which variables stand outside of the quotes. */
const DATA = /-d '((?:[^']|'\$\w+')*)'/g;

/**
 * The calls of a block of shell commands, in their order.
 * @throws Error when a call has no request beside it
 */
export function callsOf({ text }: CodeBlock): ShownCall[] {
  const methods = [...text.matchAll(METHOD)];
  const requests = [...text.matchAll(DATA)];
  if (methods.length !== requests.length) throw new Error(`calls without -d '…' in:\n${text}`);
  return methods.map(([, service = "", method = ""], at) => ({
    service: `billing.${service}`,
    method,
    json: (requests[at]?.[1] ?? "").replaceAll(/'\$\w+'/g, "VARIABLE"),
  }));
}
