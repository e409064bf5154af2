/**
 * The last answer for each kind of review, kept beside the facts about files: nothing has changed, nothing is asked
 * again. Whoever can write here can write the reviewer itself, since both stand in node_modules.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { Answer, Job } from "./job.ts";

export interface Answers {
  get(): Answer | undefined;
  set(answer: Answer): void;
}

const NONE: Answers = { get: () => undefined, set: () => undefined };

/** What was answered to exactly this job by exactly this reviewer. */
export function openAnswers(directory: string | undefined, { files, ...settings }: Job): Answers {
  if (directory === undefined) return NONE;
  mkdirSync(directory, { recursive: true });
  const { cacheDirectory: _, ...asked } = settings;
  const kind = hashOf([JSON.stringify(asked)]).slice(0, KIND_LENGTH);
  const file = join(directory, `answer-${kind}.json`);
  const key = hashOf([engine(), kind, ...files.flatMap(({ path, content }) => [path, content])]);
  return {
    get: () => readAnswer(file, key),
    set(answer) {
      const temporary = `${file}.${randomUUID()}`;
      writeFileSync(temporary, JSON.stringify({ key, answer }));
      renameSync(temporary, file);
    },
  };
}

const KIND_LENGTH = 16;

/** Each part with its length, so that no two lists of parts are one text. */
function hashOf(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}\n`).update(part);
  return hash.digest("hex");
}

/** The reviewer's own text: one that was changed has answered nothing yet. */
export function engine(): string {
  const own = extname(import.meta.filename);
  const names = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter((name) => extname(name) === own)
    .sort();
  return hashOf(names.flatMap((name) => [name, readFileSync(join(import.meta.dirname, name), "utf8")]));
}

/** What can't be read, isn't whole, or answers something else is as if it weren't there. */
function readAnswer(file: string, key: string): Answer | undefined {
  try {
    const kept = JSON.parse(readFileSync(file, "utf8")) as { key?: unknown; answer?: Partial<Answer> };
    const { findings, comments, notAnalysed } = kept.answer ?? {};
    const isWhole = kept.key === key && [findings, comments, notAnalysed].every(Array.isArray);
    return isWhole ? (kept.answer as Answer) : undefined;
  } catch {
    return undefined;
  }
}
