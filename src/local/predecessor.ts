import { readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { readIfThere } from "./credentials.ts";

/**
 * What a server gets to leave its data: its guard stops it when its parent is killed, and that
 * takes a moment. Who starts again at once has to wait, not to fail.
 */
const LEAVE_TIMEOUT_MS = 70_000;
const LEAVE_POLL_MS = 100;

/**
 * Waits while the process named in `pidFile` works in `dataDir`, that is: while the server of an
 * earlier run still has the data.
 * @throws Error when it does not leave: it belongs to a service that runs.
 */
export async function untilGone(pidFile: string, dataDir: string): Promise<void> {
  const pid = Number((await readIfThere(pidFile)) ?? "");
  if (!Number.isSafeInteger(pid) || pid <= 0) return;
  const giveUpAtMs = performance.now() + LEAVE_TIMEOUT_MS;
  let told = false;
  while (await worksIn(pid, dataDir)) {
    if (!told) console.error(`waiting for the server with pid ${pid} to leave ${dataDir}`);
    told = true;
    if (performance.now() > giveUpAtMs) {
      throw new Error(`the server with pid ${pid} uses the data in ${dataDir}: stop it first`);
    }
    await sleep(LEAVE_POLL_MS);
  }
}

/**
 * A pid alone proves nothing: after a restart of the machine it may be a stranger's. Database
 * servers and Redis make their data directory their working directory. A process that is gone, or
 * another user's, has no directory that we can see.
 */
async function worksIn(pid: number, dataDir: string): Promise<boolean> {
  return (await readlink(`/proc/${pid}/cwd`).catch(() => "")) === dataDir;
}
