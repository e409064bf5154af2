#!/usr/bin/env node
// The queue's operators: see docs/queue.md, or `queue help`.
import { runQueueCommand } from "../src/queue/commands.ts";

process.exitCode = await runQueueCommand({
  words: process.argv.slice(2),
  environment: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
});
