/**
 * Size: a million users with ten million log rows and five million reservations, against an empty
 * database of the same server, in turns. And the balance of a user, which must not cost more where
 * there are more users and longer histories.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { startService } from "./contenders.ts";
import { checkBooks } from "./ledger.ts";
import { SPREAD_USERS } from "./options.ts";
import { requireDisk, type Database } from "./place.ts";
import { run, type Run, type Shape, type Target } from "./runs.ts";
import { seedMembers } from "./seed-members.ts";
import { makeSchema } from "./seed.ts";
import type { Stage } from "./stage.ts";
import { median } from "./statistics.ts";
import { markdownTable } from "./table.ts";

const LOG_ROWS_PER_USER = 10;
/** A shop that has just opened: the other end of the scale for balance reads. */
const FEW_USERS = 1_000;
/** Ten million log rows and five million reservations with their indexes take 8 to 10 GiB. */
const BYTES_PER_USER = 12_000;
const SPARE_GIB = 6;
/** The indexes that a million users touch have to fit, as they would on a server of that size. */
export const LARGE_POOL_MIB = 4_096;
/** Enough to keep the server busy, few enough to see what one read takes. */
const READERS = 64;
/** After the seeding the server writes for a while; it is over when fewer pages are left. */
const DIRTY_PAGES_FEW = 500;
const SETTLE_MAX_MS = 600_000;
const SETTLE_POLL_MS = 1_000;
const SIZE_LEAST = 0.9;

interface Case {
  readonly name: string;
  readonly schema: string;
  readonly shape: Shape;
}

export async function large(stage: Stage): Promise<string[]> {
  const { place, scene } = stage;
  const { database, options } = scene;
  const users = options.largeUsers;
  await requireDisk(place, (users * BYTES_PER_USER) / 2 ** 30 + SPARE_GIB, "--large");
  const targets: Record<string, Target> = {
    fresh: await open(stage, "fresh", SPREAD_USERS, 1),
    few: await open(stage, "few", FEW_USERS, LOG_ROWS_PER_USER),
    many: await open(stage, "many", users, LOG_ROWS_PER_USER),
  };
  await settle(database);
  const cases = casesFor(users);
  const runs = new Map<Case, Run[]>(cases.map((each) => [each, []]));
  // The first round only warms up: caches of the servers and of the database.
  for (let round = 0; round <= options.rounds; round++) {
    for (const each of cases) {
      const done = await run(scene, targets[each.schema]!, each.shape);
      stage.say(`large, round ${round}: ${each.name}: ${done.perSecond.toFixed(0)}/s`);
      if (round > 0) runs.get(each)!.push(done);
    }
  }
  for (const { server, schema } of Object.values(targets)) {
    await server.stop();
    await checkBooks(database, schema!);
  }
  stage.say("large: the books agree");
  return tableOf(runs);
}

function casesFor(users: number): Case[] {
  const stride = Math.max(1, Math.floor(users / SPREAD_USERS));
  const active = Math.min(users, SPREAD_USERS);
  const read = { kind: "balance", inFlight: READERS } as const;
  const many = `of ${users}, ${users * LOG_ROWS_PER_USER} log rows`;
  const few = `of ${FEW_USERS}, ${FEW_USERS * LOG_ROWS_PER_USER} log rows`;
  return [
    {
      name: `reserve, ${SPREAD_USERS} users of an empty database`,
      schema: "fresh",
      shape: { kind: "reserve", users: SPREAD_USERS },
    },
    {
      name: `reserve, ${active} users ${many}`,
      schema: "many",
      shape: { kind: "reserve", users: active, userStride: stride },
    },
    { name: `reserve, all users ${many}`, schema: "many", shape: { kind: "reserve", users } },
    { name: `balance, all users ${few}`, schema: "few", shape: { ...read, users: FEW_USERS } },
    { name: `balance, all users ${many}`, schema: "many", shape: { ...read, users } },
  ];
}

async function open(stage: Stage, schema: string, users: number, logRows: number): Promise<Target> {
  const { database } = stage.scene;
  stage.say(`large: making ${users} users with ${users * logRows} log rows`);
  const beganMs = performance.now();
  const url = await makeSchema(database, schema);
  await seedMembers(database, schema, users, logRows);
  const seconds = ((performance.now() - beganMs) / 1_000).toFixed(0);
  stage.say(`large: made in ${seconds} s`);
  return { server: await startService(stage, url), schema };
}

/** Waits until the server has written what the seeding left in memory. */
async function settle({ sql }: Database): Promise<void> {
  const [row] = await sql("", "select @@global.innodb_max_dirty_pages_pct as pct");
  await sql("", "set global innodb_max_dirty_pages_pct = 0");
  const giveUpAtMs = performance.now() + SETTLE_MAX_MS;
  while ((await dirtyPages(sql)) > DIRTY_PAGES_FEW && performance.now() < giveUpAtMs) {
    await sleep(SETTLE_POLL_MS);
  }
  await sql("", `set global innodb_max_dirty_pages_pct = ${String(row!["pct"])}`);
}

async function dirtyPages(sql: Database["sql"]): Promise<number> {
  const [row] = await sql("", "show global status like 'Innodb_buffer_pool_pages_dirty'");
  return Number(row!["Value"]);
}

function tableOf(runs: ReadonlyMap<Case, readonly Run[]>): string[] {
  const cases = [...runs.keys()];
  const rows = cases.map((each) => {
    const all = runs.get(each)!;
    // Each against the first of its kind, round by round.
    const first = cases.find(({ shape }) => shape.kind === each.shape.kind)!;
    const ratio = median(all.map((one, at) => one.perSecond / runs.get(first)![at]!.perSecond));
    const verdict = `${ratio >= SIZE_LEAST ? "reached" : "missed"} (≥ ${SIZE_LEAST})`;
    const of = (value: (run: Run) => number | undefined, digits: number) =>
      median(all.map((one) => value(one) ?? NaN)).toFixed(digits);
    return [
      each.name,
      of(({ perSecond }) => perSecond, 0),
      first === each ? "1" : ratio.toFixed(2),
      first === each ? "" : verdict,
      of(({ p50Ms }) => p50Ms, 2),
      of(({ p99Ms }) => p99Ms, 2),
      of(({ serverUs }) => serverUs, 0),
      of(({ databaseUs }) => databaseUs, 0),
      `${of(({ othersShare }) => othersShare * 100, 0)} %`,
    ];
  });
  const costs = ["server µs/op", "database µs/op", "others' CPU"];
  return markdownTable(
    ["load", "per second", "ratio", "verdict", "p50 ms", "p99 ms", ...costs],
    rows,
  );
}
