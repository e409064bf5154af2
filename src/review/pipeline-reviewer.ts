/**
 * The reviewer as the catalogue asks it. Each text is read in a process of its own, with limits of memory and time: aliases
 * alone can make a parser work for minutes, and a text that kills its reader has killed nothing else.
 */
import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type { PipelineReviewer, PipelineSource } from "../billing/catalog/pipeline.ts";
import { unreadable, type ReadPipeline } from "./documents/catalogue-pipeline.ts";
import { createTurns } from "./turns.ts";

export interface ReaderLimits {
  /** For one text, the start of its process included. */
  readonly ms: number;
  /** MiB of the process's JavaScript heap. */
  readonly memoryMib: number;
  /** Texts that are read at one time. */
  readonly running: number;
  /** Texts that wait beside those; more are refused. */
  readonly waiting: number;
}

/** An honest text of the largest length takes about a second. */
const LIMITS: ReaderLimits = { ms: 10_000, memoryMib: 256, running: 2, waiting: 16 };

/** A text is read within a second. */
const RETRY_MS = 1_000;
const NEVER = new AbortController().signal;

export function createPipelineReviewer(limits: Partial<ReaderLimits> = {}): PipelineReviewer {
  const held = { ...LIMITS, ...limits };
  const turns = createTurns(held.running, held.waiting, RETRY_MS);
  return {
    async review(source, signal = NEVER) {
      const read = await turns.run(() => readApart(source, held, signal), signal);
      const contentSha256 = createHash("sha256").update(source.content).digest("hex");
      return { contentSha256, ...read };
    },
  };
}

async function readApart(
  source: PipelineSource,
  { ms, memoryMib }: ReaderLimits,
  signal: AbortSignal,
): Promise<ReadPipeline> {
  signal.throwIfAborted();
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const worker = fileURLToPath(new URL(`./pipeline-worker.${ending}`, import.meta.url));
  const coverage = process.env["NODE_V8_COVERAGE"];
  const child = fork(worker, [], {
    execArgv: [`--max-old-space-size=${memoryMib}`],
    // Nothing of the server's environment is a text's business.
    env: coverage === undefined ? {} : { NODE_V8_COVERAGE: coverage },
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    serialization: "advanced",
  });
  const { promise, resolve, reject } = Promise.withResolvers<ReadPipeline>();
  const giveUp = (): void => reject(signal.reason as Error);
  const timer = setTimeout(() => resolve(unreadable(`reading it took longer than ${ms} ms`)), ms);
  signal.addEventListener("abort", giveUp, { once: true });
  child.on("message", (message) => resolve(message as ReadPipeline));
  child.on("error", reject);
  child.on("close", (code, killedBy) => {
    resolve(unreadable(`its reader was ended by ${killedBy ?? `code ${code}`}`));
  });
  // A child that is gone already tells so by its end.
  child.send({ ...source }, () => {});
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
    child.kill("SIGKILL");
  }
}
