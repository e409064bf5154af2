import { promiseClosingLine } from "./reporter.ts";
import { stopServers } from "./servers.ts";

promiseClosingLine();

/**
 * A run that is over ends by itself within this time; if it does not, a test left something open.
 * Then it is told and counted as a failure: neither hidden by a forced exit nor a run that hangs.
 */
const LEAK_GRACE_MS = 15_000;

export async function mochaGlobalTeardown(): Promise<void> {
  await stopServers();
  // Unreferenced: it fires only if something else keeps the process alive.
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(", ");
    console.error(`the tests are over, but something keeps the process alive: ${open}`);
    // Mocha sets the exit code to the number of failed tests at the very end; this comes after it.
    process.once("exit", () => (process.exitCode = 1));
    process.exit(1);
  }, LEAK_GRACE_MS).unref();
}
