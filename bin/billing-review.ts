#!/usr/bin/env node
// Reviews billing code, feature definitions and pipelines: see docs/review.md, or `billing-review --help`.
import { EXIT, runReview } from "../src/review/cli/run.ts";

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
// Whoever reads the report may stop reading: `billing-review | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

const DAY = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai" });

try {
  process.exitCode = await runReview({
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    print: (text) => process.stdout.write(text),
    warn: (text) => process.stderr.write(`${text}\n`),
    showProgress: process.stderr.isTTY ? (text) => process.stderr.write(`\r\u001B[K${text}`) : undefined,
    isTerminal: process.stdout.isTTY,
    today: () => DAY.format(new Date()),
    signal: stop.signal,
  });
} catch (error) {
  // A review that broke off has judged nothing, and must never look like one that passed.
  console.error(stop.signal.aborted ? "billing-review: stopped" : error);
  process.exitCode = EXIT.NOT_ANALYSED;
}
