#!/usr/bin/env node
// All ledgers, added up again: see docs/ledger.md.
import { runVerifyBooks } from "../src/verify-books.ts";

process.exitCode = await runVerifyBooks({
  words: process.argv.slice(2),
  environment: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
});
