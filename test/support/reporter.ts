import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import Mocha from "mocha";

/** What a run came to, for `bin/check.ts`; it then writes the closing line itself. */
export interface RunReport {
  readonly passed: number;
  /** Failures of tests and hooks, and one for a run that failed outside of any. */
  readonly failed: number;
  readonly skipped: number;
  /** Where the failures are, each with its whole title; fewer than `failed` where a place isn't known. */
  readonly failures: readonly { readonly file: string; readonly title: string }[];
}

/** The file that the report is written to; without it the closing line is printed. */
const REPORT_FILE = process.env["TEST_REPORT_FILE"];

const count = { passed: 0, failed: 0, skipped: 0, wanted: false };
const failures: { file: string; title: string }[] = [];

/**
 * The closing line is written when the process ends, after the servers were stopped and whatever
 * else had something to say: it is always the last one. A run that failed outside any test, such
 * as a file that can't be loaded, counts as a failure.
 */
process.once("exit", (code) => {
  if (!count.wanted) return;
  const isOutside = count.failed === 0 && code !== 0;
  if (isOutside) console.error(`outside any test, the run ended with exit code ${code}`);
  const failed = isOutside ? 1 : count.failed;
  if (REPORT_FILE !== undefined) {
    const { passed, skipped: left } = count;
    const report: RunReport = { passed, failed, skipped: left, failures };
    writeFileSync(REPORT_FILE, JSON.stringify(report));
    return;
  }
  const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
  process.stdout.write(`${count.passed} passed, ${failed} failed${skipped}\n`);
});

/** Asks for the closing line even if mocha never comes to use the reporter. */
export function promiseClosingLine(): void {
  count.wanted = true;
}

/** Mocha's own report, closed by `N passed, N failed`. */
export default class ClosingLineReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    promiseClosingLine();
    const { EVENT_TEST_PASS, EVENT_TEST_FAIL, EVENT_TEST_PENDING, EVENT_RUN_END } =
      Mocha.Runner.constants;
    let isOver = false;
    runner.on(EVENT_RUN_END, () => (isOver = true));
    runner.on(EVENT_TEST_PASS, () => (count.passed += 1));
    runner.on(EVENT_TEST_FAIL, (test: Mocha.Runnable, error: unknown) => {
      // A connection that a test forgot hears of its server's end after the run: mocha reports that
      // for a test that has passed, and shows it nowhere.
      if (isOver) console.error("after the run, while the servers were stopped:", error);
      else {
        count.failed += 1;
        const file = fileOf(test);
        if (file !== undefined) failures.push({ file, title: test.fullTitle() });
      }
    });
    runner.on(EVENT_TEST_PENDING, () => (count.skipped += 1));
  }
}

function fileOf(test: Mocha.Runnable): string | undefined {
  // A hook knows its suite's file only.
  const file = test.file ?? test.parent?.file;
  return file === undefined ? undefined : relative(process.cwd(), file);
}
