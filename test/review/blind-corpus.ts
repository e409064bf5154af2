/**
 * The cases of test/corpus/review-blind: code as teams write it, each with what a reviewer has to say of
 * it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { SourceFile } from "../../src/review/contract.ts";
import { ROOT } from "../support/documents.ts";

const FOLDER = "test/corpus/review-blind";

export interface Case {
  /** Such as `unsafe/knex-outer-handle`. */
  readonly name: string;
  /** FAIL: it must be refused. none: it must not be. */
  readonly expected: "FAIL" | "none";
  readonly files: readonly SourceFile[];
}

/** Each file is a case, and each folder is one of several files. */
export function blindCases(): Case[] {
  return ["unsafe", "safe"].flatMap((kind) =>
    readdirSync(join(ROOT, FOLDER, kind), { withFileTypes: true })
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((entry) => {
        const name = `${kind}/${entry.name}`;
        const paths = entry.isDirectory()
          ? readdirSync(join(ROOT, FOLDER, name)).map((file) => `${name}/${file}`)
          : [name];
        const files = paths.map((path) => ({
          path: path.split("/").slice(1).join("/"),
          content: readFileSync(join(ROOT, FOLDER, path), "utf8"),
        }));
        return { name, expected: expectedIn(name, files), files };
      }),
  );
}

function expectedIn(name: string, files: readonly SourceFile[]): Case["expected"] {
  const said = files.flatMap(({ content }) => /^(?:\/\/|--) expect: (FAIL|none)$/m.exec(content)?.[1] ?? []);
  if (said.length !== 1) throw new Error(`${name} must say once what is expected`);
  return said[0] as Case["expected"];
}
