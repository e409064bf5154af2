/** The demo: everything that the server needs, the server, and something to look at. */
import { mkdir } from "node:fs/promises";
import { isLoopback, loadConfig, type Config } from "../config.ts";
import { Closers, runUntilSignal } from "../lifecycle.ts";
import { startService, type Service } from "../main.ts";
import { demoIdentities, type DemoIdentities } from "./identities.ts";
import { pastedCalls } from "./pasted-calls.ts";
import { freePort } from "../local/port.ts";
import type { Simulator } from "../simulator/index.ts";
import { databaseUrl, redisUrl } from "./private-servers.ts";
import { purchase } from "./purchase.ts";
import { roundTrip } from "./round-trip.ts";
import { openDemoTill } from "./till.ts";

export interface DemoOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where all data are kept. */
  readonly folder: string;
  readonly say: Say;
}

type Say = (line: string) => void;

/** A private database flushes what it has before it stops. */
const STOP_SERVERS_MS = 150_000;

/**
 * Starts all, and returns once the round trip is shown; the process then runs until a signal.
 * @throws ConfigError; Error that says what is missing, or why something can't be started
 */
export async function startDemo({ environment, folder, say }: DemoOptions): Promise<void> {
  const closers = new Closers();
  closers.add("farewell", async () => say(`stopped; the data are in ${folder}`));
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    say("starting; the first time takes a while");
    const database = await databaseUrl(environment, folder, closers, say);
    const redis = await redisUrl(environment, folder, closers, say);
    const identities = await demoIdentities(folder);
    const till = await openDemoTill(environment, folder, await freePort(), closers);
    const config = loadConfig({
      MIGRATE_ON_START: "true",
      SEED_ON_START: "true",
      // What happens is told below; the log has only what is wrong.
      LOG_LEVEL: "warn",
      IDENTITIES_FILE: identities.file,
      ...till.environment,
      ...environment,
      DATABASE_URL: database,
      REDIS_URL: redis,
    });
    const service = await startOnFreePorts(config, environment, say);
    closers.add("service", () => service.close());
    const closeTimeoutMs = service.closeTimeoutMs + STOP_SERVERS_MS;
    runUntilSignal({ log: service.log, closeTimeoutMs, close: () => closers.close() });
    await service.ready;
    const known = environment["IDENTITIES_FILE"] ? undefined : identities;
    await show(config, service, known, till.simulator, say);
    say("Ctrl-C stops everything; the data stay.");
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function show(
  config: Config,
  service: Service,
  identities: DemoIdentities | undefined,
  simulator: Simulator | undefined,
  say: Say,
): Promise<void> {
  const { host, port } = service.grpc;
  say(`server    gRPC on ${host}:${port}, metrics on ${service.metricsUrl}`);
  say("");
  if (identities === undefined || config.grpc.tls !== undefined) {
    say("no round trip is shown: with an own IDENTITIES_FILE or TLS the demo has no credential");
    return;
  }
  // What listens on all addresses is on loopback too.
  const address = `${isLoopback(host) ? host : "127.0.0.1"}:${port}`;
  const trip = await roundTrip(address, identities, say);
  if (simulator) {
    await purchase(address, identities, simulator, trip.userId, say);
    say(`WeChat Pay is simulated at ${simulator.url}; docs/simulator.md says how to drive it`);
  }
  say("");
  for (const line of pastedCalls(address, identities, trip)) say(line);
  say("");
}

/** A port that somebody else has is left to them, unless it was asked for by name. */
async function startOnFreePorts(
  config: Config,
  environment: DemoOptions["environment"],
  say: Say,
): Promise<Service> {
  let { grpc, metrics } = config;
  for (;;) {
    try {
      return await startService({ ...config, grpc, metrics });
    } catch (error) {
      const taken = takenPort(error);
      if (taken === grpc.port && !environment["GRPC_PORT"]) {
        say(`port      ${taken} is taken, so another one is used for calls`);
        grpc = { ...grpc, port: 0 };
      } else if (taken === metrics.port && !environment["METRICS_PORT"]) {
        say(`port      ${taken} is taken, so another one is used for metrics`);
        metrics = { ...metrics, port: 0 };
      } else throw error;
    }
  }
}

/** The port that somebody else listens on; undefined for any other fault. */
function takenPort(error: unknown): number | undefined {
  const message = error instanceof Error ? error.message : "";
  const port = /EADDRINUSE.*?:(\d+)\b/.exec(message)?.[1];
  return port === undefined ? undefined : Number(port);
}
