/** Runs one job in a process of its own, and says what it was at when it died. */
import { fork, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Limits } from "./contract.ts";
import type { Answer, Job } from "./job.ts";

export type Outcome =
  | { readonly answer: Answer }
  /** `path`: the file that it was at; undefined when it was at none. */
  | { readonly died: string; readonly path: string | undefined };

export interface Watch {
  readonly limits: Limits;
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  done(path: string): void;
}

/** KiB of stack for JavaScript: half of what a process has by default, for trees that are deep but honest. */
const STACK_KIB = 3_900;

export async function runJob(job: Job, watch: Watch): Promise<Outcome> {
  const { limits, signal } = watch;
  signal?.throwIfAborted();
  const worker = fileURLToPath(
    new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url),
  );
  const coverage = process.env["NODE_V8_COVERAGE"];
  const child = fork(worker, [], {
    execArgv: [`--max-old-space-size=${limits.memoryMib}`, `--stack-size=${STACK_KIB}`],
    // Nothing of the parent's environment is a submitted file's business.
    env: coverage === undefined ? {} : { NODE_V8_COVERAGE: coverage },
    stdio: ["ignore", "ignore", "ignore", "ipc", "pipe"],
    serialization: "advanced",
  });
  try {
    return await outcomeOf(child, job, watch);
  } finally {
    child.kill("SIGKILL");
  }
}

async function outcomeOf(
  child: ChildProcess,
  job: Job,
  { limits, deadline, signal, done }: Watch,
): Promise<Outcome> {
  let at: string | undefined;
  let answer: Answer | undefined;
  let reason = "";
  const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
  const stop = (why: string) => (): void => {
    reason = why;
    child.kill("SIGKILL");
  };
  let stall = setTimeout(stop(`took longer than ${limits.stallMs} ms`), limits.stallMs);
  const total = setTimeout(stop("the whole analysis took too long"), Math.max(0, deadline - Date.now()));
  const abort = (): void => {
    reject(signal?.reason instanceof Error ? signal.reason : new Error("the analysis was aborted"));
  };
  signal?.addEventListener("abort", abort, { once: true });
  const lines = createInterface({ input: child.stdio[WATCH] as Readable });
  lines.on("line", (line) => {
    const path = JSON.parse(line.slice(1)) as string;
    at = line.startsWith("+") ? path : undefined;
    if (at === undefined) done(path);
    clearTimeout(stall);
    stall = setTimeout(stop(`took longer than ${limits.stallMs} ms`), limits.stallMs);
  });
  child.on("message", (message) => {
    answer = message as Answer;
  });
  child.on("error", reject);
  // Closed, and not only exited: the pipe has been read to its end by then.
  child.on("close", (code, killedBy) => {
    if (answer) resolve({ answer });
    else resolve({ died: reason === "" ? `ended by ${killedBy ?? `code ${code}`}` : reason, path: at });
  });
  child.send(job, (error) => {
    if (error && !answer) child.kill("SIGKILL");
  });
  try {
    return await promise;
  } finally {
    clearTimeout(stall);
    clearTimeout(total);
    lines.close();
    signal?.removeEventListener("abort", abort);
  }
}

const WATCH = 4;
