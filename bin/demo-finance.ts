#!/usr/bin/env node
/** A month of finance to look at: `npm run demo:finance -- [folder]`; docs/finance.md says what each figure means. */
import { runFinanceDemo } from "../src/demo/finance.ts";

const [folder = "finance-demo", ...more] = process.argv.slice(2);
if (more.length > 0 || folder.startsWith("-")) {
  console.error("usage: npm run demo:finance -- [folder for the files; finance-demo when absent]");
  process.exit(2);
}
try {
  await runFinanceDemo({
    environment: process.env,
    folder,
    say: (line) => console.log(line),
  });
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
