import Mocha from "mocha";

const count = { passed: 0, failed: 0, skipped: 0, wanted: false };

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
    runner.on(EVENT_TEST_FAIL, (_test: unknown, error: unknown) => {
      // A connection that a test forgot hears of its server's end after the run: mocha reports that
      // for a test that has passed, and shows it nowhere.
      if (isOver) console.error("after the run, while the servers were stopped:", error);
      else count.failed += 1;
    });
    runner.on(EVENT_TEST_PENDING, () => (count.skipped += 1));
  }
}
