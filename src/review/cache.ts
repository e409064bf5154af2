/** Facts about single files, kept by the hash of their content. A file that nobody has to look into isn't parsed again. */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Comment } from "./syntax/parse.ts";

/** What is known of a file without what others import from it. */
export interface FileFacts {
  readonly error?: { readonly message: string; readonly start: number; readonly end: number };
  readonly comments: readonly Comment[];
}

export interface Cache {
  get(language: string, content: string): FileFacts | undefined;
  set(language: string, content: string, facts: FileFacts): void;
}

/** Facts of another version are never read: change it when the facts or the parser change. */
const VERSION = "1/oxc-parser-0.159.0";

const NO_CACHE: Cache = { get: () => undefined, set: () => undefined };

export function openCache(directory: string | undefined): Cache {
  if (directory === undefined) return NO_CACHE;
  mkdirSync(directory, { recursive: true });
  const fileOf = (language: string, content: string): string =>
    join(
      directory,
      `${createHash("sha256").update(`${VERSION}\n${language}\n`).update(content).digest("hex")}.json`,
    );
  return {
    get: (language, content) => readFacts(fileOf(language, content)),
    set(language, content, facts) {
      const file = fileOf(language, content);
      const temporary = `${file}.${randomUUID()}`;
      writeFileSync(temporary, JSON.stringify(facts));
      renameSync(temporary, file);
    },
  };
}

/** What can't be read or isn't whole is made anew. */
function readFacts(file: string): FileFacts | undefined {
  try {
    const facts: unknown = JSON.parse(readFileSync(file, "utf8"));
    const isWhole =
      typeof facts === "object" && facts !== null && "comments" in facts && Array.isArray(facts.comments);
    return isWhole ? (facts as FileFacts) : undefined;
  } catch {
    return undefined;
  }
}
