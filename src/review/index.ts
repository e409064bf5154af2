/** The review engine: reads billing code and finds what is unsafe. */
import { createHash } from "node:crypto";
import { openAnswers } from "./answers.ts";
import { runJob } from "./child.ts";
import type { Analysis, Finding, Limits, ReviewOptions, SourceFile } from "./contract.ts";
import { byPlace } from "./inspect.ts";
import type { Job } from "./job.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { RULE_BY_ID, RULE_IDS } from "./rules.ts";

export type * from "./contract.ts";
export { RULES } from "./rules.ts";

/**
 * Analyses files together. Whatever can't be judged (too large, too deep, a syntax error, a crash of the parser) is a
 * finding of the severity NOT_ANALYSED; the other files are judged all the same. The order of the files doesn't matter.
 * @throws the signal's reason when it aborts; an Error when two files have one path.
 */
export async function analyse(files: readonly SourceFile[], options: ReviewOptions): Promise<Analysis> {
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const sorted = [...files].sort((left, right) => (left.path < right.path ? -1 : 1));
  sorted.forEach(({ path }, at) => {
    if (path === sorted[at + 1]?.path) throw new Error(`two files have the path ${path}`);
  });
  const { fitting, refused } = withinLimits(sorted, limits);
  const deadline = Date.now() + limits.totalMs;
  const done = new Set<string>();
  let left = fitting;
  for (;;) {
    const job: Job = {
      files: left,
      strict: options.lockPolicy === "strict",
      vocabulary: options.vocabulary,
      cacheDirectory: options.cacheDirectory,
      nestingDepth: limits.nestingDepth,
    };
    const answers = openAnswers(options.cacheDirectory, job);
    const known = answers.get();
    options.signal?.throwIfAborted();
    const outcome =
      known === undefined
        ? await runJob(job, {
            limits,
            deadline,
            signal: options.signal,
            done: (path) => {
              done.add(path);
              options.progress?.(done.size, files.length);
            },
          })
        : { answer: known };
    if ("answer" in outcome) {
      if (known === undefined) answers.set(outcome.answer);
      const { findings, comments, notAnalysed } = outcome.answer;
      const lost = new Set([...refused.map(({ path }) => path), ...notAnalysed]);
      return {
        findings: [...findings, ...refused].sort(byPlace),
        comments,
        filesAnalysed: files.length - lost.size,
        filesNotAnalysed: lost.size,
      };
    }
    // What killed the analyser is left out, and the others get their turn; without a suspect, or without time, nobody does.
    const culprits =
      outcome.path === undefined || Date.now() >= deadline
        ? left
        : left.filter(({ path }) => path === outcome.path);
    refused.push(...culprits.map((file) => refuse(file, `the analyser ${outcome.died}`)));
    left = left.filter((file) => !culprits.includes(file));
    // Nothing is left to judge, and a child that dies of nothing would die again.
    if (left.length === 0)
      return {
        findings: refused.sort(byPlace),
        comments: [],
        filesAnalysed: 0,
        filesNotAnalysed: files.length,
      };
  }
}

function withinLimits(
  files: readonly SourceFile[],
  limits: Limits,
): { fitting: SourceFile[]; refused: Finding[] } {
  const fitting: SourceFile[] = [];
  const refused: Finding[] = [];
  let total = 0;
  for (const file of files) {
    const { length } = file.content;
    const why =
      length > limits.fileLength
        ? `the file has ${length} characters, and ${limits.fileLength} is the limit`
        : total + length > limits.totalLength
          ? `all files together have more than ${limits.totalLength} characters`
          : fitting.length >= limits.fileCount
            ? `there are more than ${limits.fileCount} files`
            : undefined;
    if (why === undefined) {
      fitting.push(file);
      total += length;
    } else refused.push(refuse(file, why));
  }
  return { fitting, refused };
}

/** The finding about a file that nobody could judge. */
export function refuse({ path, content }: SourceFile, message: string): Finding {
  const ruleId = RULE_IDS.limitReached;
  const start = { line: 1, column: 1, offset: 0 };
  const end = content.length > 0 && !content.startsWith("\n") ? { line: 1, column: 2, offset: 1 } : start;
  return {
    ruleId,
    severity: "NOT_ANALYSED",
    path,
    range: { start, end },
    message,
    remediation: RULE_BY_ID.get(ruleId)?.remediation ?? "",
    steps: [],
    fingerprint: createHash("sha256").update(`${ruleId}\n${path}`).digest("hex").slice(0, FINGERPRINT_LENGTH),
  };
}

const FINGERPRINT_LENGTH = 32;
