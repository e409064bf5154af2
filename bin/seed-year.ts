// A made-up year for tests and demonstrations of reports: see docs/finance.md.
import { runSeedYear } from "../src/demo/seed-year/command.ts";

const { stdout, stderr } = process;
const line = (text: string) => void stdout.write(`${text}\n`);

let shown = "";
process.exitCode = await runSeedYear({
  words: process.argv.slice(2),
  environment: process.env,
  print: line,
  warn: (text) => void stderr.write(`${text}\n`),
  // A terminal shows one bar that grows; what isn't one gets a line each time that it changes by much.
  show(text) {
    const bar = text.slice(0, 40);
    if (stdout.isTTY) {
      stdout.write(`\r${text.padEnd(70)}${text.includes("100 %") ? "\n" : ""}`);
    } else if (bar !== shown) {
      line(text);
      shown = bar;
    }
  },
});
