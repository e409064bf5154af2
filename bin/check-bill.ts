#!/usr/bin/env node
// A day's trade bill against the books: see docs/bills.md.
import { runCheckBill } from "../src/check-bill.ts";

process.exitCode = await runCheckBill({
  words: process.argv.slice(2),
  environment: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
});
