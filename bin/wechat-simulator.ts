/** A WeChat Pay of one's own, until Ctrl-C: `npm run wechat-simulator -- --help` explains it. */
import {
  greeting,
  readCommandLine,
  startFromCommandLine,
  UsageError,
  USAGE,
} from "../src/simulator/command-line.ts";
import { writeKeys } from "../src/simulator/key-files.ts";

async function main(words: readonly string[]): Promise<void> {
  const line = readCommandLine(words);
  if (line.help) {
    console.log(USAGE);
    return;
  }
  const simulator = await startFromCommandLine(line);
  const end = async (): Promise<void> => {
    // A certificate may have got a successor.
    await writeKeys(line.directory, simulator);
    await simulator.close();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void end());
  // Whoever reads this may end it at once.
  console.log(greeting(simulator, line.directory));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(isUsage ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = isUsage ? 2 : 1;
}
