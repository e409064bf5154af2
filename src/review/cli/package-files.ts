/** What the package carries beside its programs: the pages of the rules, and its version. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the package: another one from the sources than from what was built of them. */
const ROOT = rootOf(dirname(fileURLToPath(import.meta.url)));

function rootOf(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("the package has lost its package.json");
  return rootOf(parent);
}

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  return version;
}

/** The page of a rule, in Markdown; `docs` as the rule names it. */
export function rulePage(docs: string): string {
  return readFileSync(join(ROOT, docs), "utf8");
}
