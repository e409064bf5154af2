/** The real processes of the hook's tests: the service as it runs in production, and the hook. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { freshDirectory } from "../support/servers.ts";
import { sha256, tokenOf } from "../support/service.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Kept of what a process says, for the message of a test that fails. */
const LINES_KEPT = 50;

/** Every process that was started and may still run. */
const running = new Set<ChildProcess>();

/** Ends whatever a failed test has left behind. */
export async function killLeftovers(): Promise<void> {
  await Promise.all([...running].map(kill));
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "close");
  child.kill("SIGKILL");
  await ended;
}

function start(
  script: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const child = spawn(process.execPath, [join(ROOT, script), ...argv], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** A running service. */
export interface ServiceProcess {
  readonly port: number;
  /** SIGKILL: it doesn't get to do anything more. */
  kill(): Promise<void>;
}

/** Starts the service on a database and waits until it is ready. */
export async function startServiceProcess(databaseUrl: string): Promise<ServiceProcess> {
  const identitiesFile = join(await freshDirectory(), "identities.json");
  const pipeline = {
    name: "pipeline",
    roles: ["pipeline"],
    token_sha256: sha256(tokenOf("pipeline")),
  };
  await writeFile(identitiesFile, JSON.stringify([pipeline]));
  const child = start("src/main.ts", [], {
    DATABASE_URL: databaseUrl,
    IDENTITIES_FILE: identitiesFile,
    GRPC_PORT: "0",
    METRICS_PORT: "0",
  });
  const kept: string[] = [];
  const keep = (line: string): void => {
    if (kept.push(line) > LINES_KEPT) kept.shift();
  };
  createInterface({ input: child.stderr! }).on("line", keep);
  const ready = Promise.withResolvers<number>();
  let port = 0;
  createInterface({ input: child.stdout! }).on("line", (line) => {
    keep(line);
    const { message, port: listening } = JSON.parse(line) as { message: string; port?: number };
    if (message === "listening") port = listening ?? 0;
    if (message === "ready") ready.resolve(port);
  });
  child.once("close", () => {
    ready.reject(new Error(`the service ended before it was ready:\n${kept.join("\n")}`));
  });
  return { port: await ready.promise, kill: () => kill(child) };
}

/** How a hook ended. */
export interface HookEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it printed, undefined when it printed nothing. */
  readonly report: Readonly<Record<string, unknown>> | undefined;
  readonly stderr: string;
}

/** A hook that runs. */
export interface HookProcess {
  readonly end: Promise<HookEnd>;
  kill(): Promise<void>;
}

export interface HookOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Ends itself by SIGKILL right after this step with the spool. */
  readonly diesAfter?: string;
}

/** Starts `billing-hook`. */
export function startHook(
  argv: readonly string[],
  { env = {}, diesAfter }: HookOptions = {},
): HookProcess {
  const child =
    diesAfter === undefined
      ? start("bin/billing-hook.ts", argv, env)
      : start("test/system/dying-hook.ts", [diesAfter, ...argv], env);
  return { end: endOf(child), kill: () => kill(child) };
}

async function endOf(child: ChildProcess): Promise<HookEnd> {
  let stdout = "";
  let stderr = "";
  child.stdout!.on("data", (text) => (stdout += String(text)));
  child.stderr!.on("data", (text) => (stderr += String(text)));
  const [exitCode, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { exitCode, signal, report: stdout === "" ? undefined : JSON.parse(stdout), stderr };
}
