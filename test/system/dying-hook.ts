/*
 * billing-hook that dies by SIGKILL right after a step with its spool:
 * `node dying-hook.ts WRITTEN|SPOOLED|CLAIMED|ANSWERED|BURIED|REMOVED <words of billing-hook>`.
 */
import { runHook } from "../../src/client/hook.ts";

const [lastStep, ...argv] = process.argv.slice(2);

process.exitCode = await runHook({
  argv,
  env: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  warn: (line) => process.stderr.write(`${line}\n`),
  async onStep(step) {
    if (step !== lastStep) return;
    process.kill(process.pid, "SIGKILL");
    // The signal is on its way; nothing more may happen until it is there.
    await new Promise(() => setInterval(() => undefined, 60_000));
  },
});
