/** The servers under load: each a process of its own, which tells its port when it serves. */
import { fork, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export interface ChildServer {
  readonly pid: number;
  /** `host:port`. */
  readonly address: string;
  /** Asks it to end as an operator would, waits, and after a while ends it. Safe to call again. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** Added to the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Arguments for Node, such as `--cpu-prof`. */
  readonly nodeArguments?: readonly string[];
}

/** What a child tells its parent once it serves. */
export interface Serving {
  readonly port: number;
}

/** A service that migrates first takes some seconds. */
const START_TIMEOUT_MS = 60_000;
/** A drain takes no longer than this. */
const STOP_TIMEOUT_MS = 45_000;
/** How much of its output is kept for the message about a server that ended. */
const OUTPUT_KEPT = 4_000;

/**
 * Starts a program of this folder.
 * @throws Error with the end of its output, when it ends or takes too long
 */
export async function startChild(file: string, options: ChildOptions = {}): Promise<ChildServer> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, ...options.environment },
    execArgv: [...(options.nodeArguments ?? [])],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT);
    });
  }
  const stop = () => stopChild(child);
  try {
    const { port } = await serving(child);
    return { pid: child.pid!, address: `127.0.0.1:${port}`, stop };
  } catch (cause) {
    await stop();
    throw new Error(`${file} doesn't serve:\n${output.trim()}`, { cause });
  }
}

function serving(child: ChildProcess): Promise<Serving> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`nothing within ${START_TIMEOUT_MS} ms`));
    const timer = setTimeout(late, START_TIMEOUT_MS);
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`it ended with ${signal ?? code}`)));
    child.once("message", (message) => {
      clearTimeout(timer);
      resolve(message as Serving);
    });
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const impatience = new AbortController();
  const late = sleep(STOP_TIMEOUT_MS, undefined, impatience).then(() => child.kill("SIGKILL"));
  // Aborted, nobody waits for it.
  late.catch(() => {});
  await ended;
  impatience.abort();
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** For the child: tells the parent its port, and ends when the parent is gone. */
export function tellServing(port: number): void {
  process.once("disconnect", () => process.exit(1));
  process.send!({ port } satisfies Serving);
}
