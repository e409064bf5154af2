/** A teller in a process of its own, which can be killed: the oracle's target and the way to it. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { QuotaRequest, Reply, Target } from "./requests.ts";

export interface ChildTarget extends Target {
  /** SIGKILL; resolves when the process is gone. What was under way is unknown then. */
  kill(): Promise<void>;
}

export interface ToChild {
  readonly id: number;
  readonly request: QuotaRequest;
}

export interface FromChild {
  readonly id: number;
  readonly reply: Reply;
}

const PROGRAM = fileURLToPath(new URL("child-teller.ts", import.meta.url));

/**
 * Starts `child-teller.ts` on a database that has its schema.
 * @param plant the name of a planted bug that the program knows, or none
 */
export async function startChildTarget(url: string, plant: string): Promise<ChildTarget> {
  const child = fork(PROGRAM, [plant], { env: { ...process.env, CHILD_DATABASE_URL: url } });
  const gone = once(child, "exit");
  const waiting = new Map<number, (reply: Reply) => void>();
  let ids = 0;
  let isGone = false;
  void gone.then(() => {
    isGone = true;
    for (const answer of waiting.values()) answer({ outcome: "unknown", why: "the process died" });
    waiting.clear();
  });
  await ready(child, gone);
  child.on("message", ({ id, reply }: FromChild) => {
    waiting.get(id)?.(reply);
    waiting.delete(id);
  });
  return {
    name: `process ${child.pid}`,
    send: (request) =>
      new Promise((resolve) => {
        if (isGone) return resolve({ outcome: "unknown", why: "the process is dead" });
        const id = (ids += 1);
        waiting.set(id, resolve);
        // When the pipe breaks the process is gone, and its exit answers.
        return void child.send({ id, request } satisfies ToChild, () => {});
      }),
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

async function ready(child: ChildProcess, gone: Promise<unknown[]>): Promise<void> {
  const died = gone.then(([code]) => {
    throw new Error(`the child ended with code ${String(code)} before it was ready`);
  });
  await Promise.race([once(child, "message"), died]);
}
