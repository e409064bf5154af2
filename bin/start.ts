/**
 * The whole service on this machine, with nothing set up: `npm start`. Brings up a private database
 * and Redis, migrates, seeds, serves, shows one round trip, and stays up until Ctrl-C. Its data
 * stay in .data. DATABASE_URL, REDIS_URL and every variable of docs/configuration.md win over what
 * it chooses by itself.
 */
import { fileURLToPath } from "node:url";
import { ConfigError } from "../src/config.ts";
import { startDemo } from "../src/demo/start.ts";

try {
  await startDemo({
    environment: process.env,
    folder: fileURLToPath(new URL("../.data", import.meta.url)),
    say: (line) => console.log(line),
  });
} catch (error) {
  if (error instanceof ConfigError)
    console.error(`the configuration has faults:\n${error.message}`);
  else console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
