/**
 * The child process that parses and evaluates. It may die of what it reads: before each file it writes the file's
 * path to a pipe, by a blocking write, so that its parent knows what killed it.
 */
import { writeSync } from "node:fs";
import { openCache } from "./cache.ts";
import { inspect } from "./inspect.ts";
import type { Answer, Job } from "./job.ts";

/** The pipe beside the standard ones and the channel; see `child.ts`. */
const WATCH = 4;

process.once("message", (job: Job) => {
  const answer: Answer = inspect(job.files, {
    strict: job.strict,
    vocabulary: job.vocabulary,
    cache: openCache(job.cacheDirectory),
    nestingDepth: job.nestingDepth,
    at: (path, done) => writeSync(WATCH, `${done ? "-" : "+"}${JSON.stringify(path)}\n`),
  });
  process.send?.(answer, () => process.disconnect());
});
