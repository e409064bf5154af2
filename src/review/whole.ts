/**
 * A whole review in a group of processes of its own: what is read may end the processes that read it, and
 * nothing else. YAML is unfolded and files are judged there, the parser runs in a further process below it.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Limits, SourceFile } from "./contract.ts";
import type { ReviewResult } from "./review.ts";

/** What the process is told. */
export interface WholeJob {
  readonly files: readonly SourceFile[];
  readonly lockPolicy: "semantic" | "strict";
  /** The day by which suppressions end, as `2026-11-23`. */
  readonly today: string;
  readonly limits: Partial<Limits>;
}

/** What the process answers. */
export interface WholeAnswer {
  readonly result: ReviewResult;
  /** How many definitions of features, and how many pipelines, the documents among the files hold. */
  readonly featureCount: number;
  readonly pipelineCount: number;
}

/** The review has ended without an answer: what it read was too much for it. */
export class ReviewDied extends Error {
  override readonly name = "ReviewDied";
}

/** The JavaScript heap of the process that reads documents, in MiB. */
const MEMORY_MIB = 512;
/** The processes below end by themselves after the review's own limit; this is for those that don't. */
const GRACE_MS = 5_000;

/**
 * @param totalMs after so long the review is ended
 * @throws ReviewDied when the review ends without an answer; the signal's reason when it aborts
 */
export async function reviewApart(
  job: WholeJob,
  { totalMs, signal }: { readonly totalMs: number; readonly signal: AbortSignal },
): Promise<WholeAnswer> {
  signal.throwIfAborted();
  const own = import.meta.url.endsWith(".ts") ? "./whole-worker.ts" : "./whole-worker.js";
  const worker = fileURLToPath(new URL(own, import.meta.url));
  const child = spawn(process.execPath, [`--max-old-space-size=${MEMORY_MIB}`, worker], {
    // A group of its own: the processes that it starts are ended with it.
    detached: true,
    // Nothing of the parent's environment is a submitted file's business.
    env: {},
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "advanced",
  });
  const { promise, resolve, reject } = Promise.withResolvers<WholeAnswer>();
  const late = setTimeout(
    () => reject(new ReviewDied(`the review took longer than ${totalMs} ms`)),
    totalMs + GRACE_MS,
  );
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  child.once("error", reject);
  child.once("message", (answer) => resolve(answer as WholeAnswer));
  child.once("exit", (code, killedBy) => {
    reject(new ReviewDied(`the review was ended by ${killedBy ?? `code ${code}`}`));
  });
  child.send(job, (error) => {
    if (error) reject(new ReviewDied(`the review could not be begun: ${error.message}`));
  });
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", abort);
    await endGroup(child);
  }
}

/** Ends the process and whatever it has started, and waits until it is gone. */
async function endGroup(child: ChildProcess): Promise<void> {
  const isRunning = child.exitCode === null && child.signalCode === null;
  const ended = isRunning
    ? new Promise<void>((resolve) => child.once("exit", () => resolve()))
    : undefined;
  if (child.pid !== undefined) {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      // The whole group has ended already.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    await ended;
  }
}
