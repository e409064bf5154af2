#!/usr/bin/env node
// The pipeline's hook: see docs/client.md, or `billing-hook help`.
import { runHook } from "../src/client/hook.ts";

const stop = new AbortController();
const watches = process.argv.includes("--watch");
if (watches)
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());

process.exitCode = await runHook({
  argv: process.argv.slice(2),
  env: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
  signal: stop.signal,
});
