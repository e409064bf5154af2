/** The corpus of the review: small files, each with the rules that it must break in its first line. */
import { readdirSync, readFileSync } from "node:fs";
import type { SourceFile } from "../../src/review/contract.ts";

export interface Case {
  /** `safe/knex-for-update.ts`. */
  readonly name: string;
  readonly files: readonly SourceFile[];
  /** Sorted ids of the rules. */
  readonly expected: readonly string[];
}

const ROOT = new URL("../corpus/review/", import.meta.url);

export function corpus(): Case[] {
  return ["safe", "unsafe"].flatMap((kind) =>
    readdirSync(new URL(`${kind}/`, ROOT))
      .sort()
      .map((file) => caseOf(`${kind}/${file}`)),
  );
}

function caseOf(name: string): Case {
  const text = readFileSync(new URL(name, ROOT), "utf8");
  const header = /^(?:\/\/|--) expect: (.+)$/m.exec(text)?.[1];
  if (header === undefined) throw new Error(`${name} doesn't say what to expect`);
  const expected = header
    .trim()
    .split(/[\s,]+/)
    .filter((id) => id !== "none")
    .sort();
  const parts = text.split(/^(?:\/\/|--) file: (.+)$/m);
  if (parts.length === 1) return { name, expected, files: [{ path: name, content: text }] };
  const files: SourceFile[] = [];
  for (let at = 1; at + 1 < parts.length; at += 2)
    files.push({ path: parts[at]?.trim() ?? "", content: parts[at + 1] ?? "" });
  return { name, files, expected };
}
