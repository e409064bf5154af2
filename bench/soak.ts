/**
 * Ten minutes of tasks (reserve, then commit or refund): whatever the server keeps of each call
 * would show as memory that grows.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startService } from "./contenders.ts";
import { checkBooks } from "./ledger.ts";
import { SPREAD_USERS } from "./options.ts";
import { requireDisk } from "./place.ts";
import { memoryOf } from "./process-usage.ts";
import { run } from "./runs.ts";
import { seedMembers } from "./seed-members.ts";
import { makeSchema } from "./seed.ts";
import type { Stage } from "./stage.ts";
import { slope } from "./statistics.ts";
import { markdownTable } from "./table.ts";

const SCHEMA = "soak";
const SAMPLE_MS = 2_000;
/** Some five million log rows, three million reservations, and a minute of binary log. */
const DISK_GIB = 16;
/** The binary log would be larger than the data: it is thrown away while the load runs. */
const PURGE_MS = 60_000;
/** Code is compiled and pools are filled at first: growth counts after this share of the time. */
const SETTLING_SHARE = 1 / 3;
/** Less than this cannot be told from the noise of garbage collection within some minutes. */
const FLAT_MIB_PER_MINUTE = 1;
const POINTS_SHOWN = 10;

export async function soak(stage: Stage): Promise<string[]> {
  const { place, scene } = stage;
  const { database, options } = scene;
  await requireDisk(place, DISK_GIB, "--soak");
  const url = await makeSchema(database, SCHEMA);
  await seedMembers(database, SCHEMA, SPREAD_USERS, 1);
  const server = await startService(stage, url);
  const samples: [minutes: number, mib: number][] = [];
  const beganMs = performance.now();
  const stopping = new AbortController();
  const sampling = watch(stopping.signal, SAMPLE_MS, () => {
    const minutes = (performance.now() - beganMs) / 60_000;
    samples.push([minutes, memoryOf(server.pid).residentKib / 1_024]);
  });
  const purging = watch(stopping.signal, PURGE_MS, async () => {
    await database.sql("", "purge binary logs before now()");
    stage.say(`soak: ${samples.at(-1)?.[1].toFixed(0)} MiB`);
  });
  const shape = { kind: "task", users: SPREAD_USERS, measureMs: options.soakMs } as const;
  const done = await run(scene, { server, schema: SCHEMA }, shape).finally(() => stopping.abort());
  await Promise.all([sampling, purging]);
  await server.stop();
  await checkBooks(database, SCHEMA);
  return [
    ...growthTable(samples),
    "",
    `${done.operations} operations, ${done.perSecond.toFixed(0)} per second`,
    `p50 ${done.p50Ms.toFixed(1)} ms, p99 ${done.p99Ms.toFixed(1)} ms`,
    `peak ${done.peakMib.toFixed(0)} MiB, others' CPU ${(done.othersShare * 100).toFixed(0)} %`,
    verdictOf(samples),
  ];
}

/** Does something again and again until it is told to stop. */
async function watch(
  signal: AbortSignal,
  everyMs: number,
  look: () => void | Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await look();
    // Aborted, the pause is over; the loop sees why.
    await sleep(everyMs, undefined, { signal }).catch(() => {});
  }
}

type Samples = readonly (readonly [minutes: number, mib: number])[];

function verdictOf(samples: Samples): string {
  const settled = samples.slice(Math.floor(samples.length * SETTLING_SHARE));
  const growth = slope(settled);
  const verdict = Math.abs(growth) < FLAT_MIB_PER_MINUTE || growth < 0 ? "flat" : "GROWING";
  return `memory after the first third: ${growth.toFixed(2)} MiB a minute, ${verdict}`;
}

function growthTable(samples: Samples): string[] {
  const every = Math.max(1, Math.floor(samples.length / POINTS_SHOWN));
  const shown = samples.filter((_, at) => at % every === every - 1);
  return markdownTable(
    ["minute", ...shown.map(([minutes]) => minutes.toFixed(1))],
    [["resident MiB", ...shown.map(([, mib]) => mib.toFixed(0))]],
  );
}
