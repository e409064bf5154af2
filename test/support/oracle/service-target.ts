/** The service as in production, in a process of its own that can be killed and started again. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProgram, type Program } from "../program.ts";
import { sha256, tokenOf } from "../service.ts";
import type { Target } from "./requests.ts";
import { wireTarget, type WireTarget } from "./wire-target.ts";

export interface ServiceOptions {
  readonly databaseUrl: string;
  /** For the file with the callers' identities. */
  readonly directory: string;
  /** Differences from the environment below. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long one call may take. */
  readonly deadlineMs?: number;
}

export interface ServiceTarget extends Target {
  /** Where Prometheus would read; another address after each start. */
  metricsUrl(): string;
  /** Where it listens; the same. */
  address(): string;
  /** Starts it again after it ended, and waits until it is ready. */
  start(): Promise<void>;
  /** SIGKILL: it doesn't get to do anything more. */
  kill(): Promise<void>;
  /** SIGTERM: resolves with the exit code when it has ended. */
  stop(): Promise<number | null>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CALLER = "pipeline";
/** Longer than a healthy answer ever takes, on a slow machine too. */
const DEADLINE_MS = 20_000;

/** Starts the service on a database that has its schema, and waits until it is ready. */
export async function startServiceTarget(options: ServiceOptions): Promise<ServiceTarget> {
  const identities = join(options.directory, "identities.json");
  const one = { name: CALLER, roles: [CALLER], token_sha256: sha256(tokenOf(CALLER)) };
  await writeFile(identities, JSON.stringify([one]));
  const env = {
    DATABASE_URL: options.databaseUrl,
    IDENTITIES_FILE: identities,
    GRPC_PORT: "0",
    METRICS_PORT: "0",
    TELLER_LANES: "2",
    SWEEP_INTERVAL_SECONDS: "1",
    ...options.env,
  };
  const run = (): Promise<Running> => start(env, options.deadlineMs ?? DEADLINE_MS);
  let running = await run();
  return {
    name: `service ${running.program.pid}`,
    metricsUrl: () => running.metricsUrl,
    address: () => running.wire.name,
    send: (request) => running.wire.send(request),
    async start() {
      const before = running;
      running = await run();
      // Closed only now: until here its calls find nobody, as a caller's do.
      before.wire.close();
    },
    async kill() {
      running.program.kill("SIGKILL");
      await running.program.exited;
    },
    async stop() {
      running.program.kill("SIGTERM");
      return (await running.program.exited).code;
    },
    pause: () => running.program.kill("SIGSTOP"),
    resume: () => running.program.kill("SIGCONT"),
  };
}

/** What the service logs when it listens. */
interface Listening {
  readonly host: string;
  readonly port: number;
  readonly metrics: string;
}

interface Running {
  readonly program: Program;
  readonly wire: WireTarget;
  readonly metricsUrl: string;
}

async function start(env: Readonly<Record<string, string>>, deadlineMs: number): Promise<Running> {
  const program = startProgram(["src/main.ts"], { cwd: ROOT, env });
  const line = await program.line(/"message":"listening"/);
  const { host, port, metrics } = JSON.parse(line) as Listening;
  await program.line(/"message":"ready"/);
  const wire = wireTarget({ address: `${host}:${port}`, token: tokenOf(CALLER), deadlineMs });
  return { program, wire, metricsUrl: metrics };
}
