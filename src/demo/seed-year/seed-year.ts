/**
 * A year of a made-up company, in books that agree: every movement is the service's own decision, at a time that
 * has passed, and is written as the service would have written it. The same numbers make the same year.
 */
import type { MikroORM } from "@mikro-orm/mysql";
import { packRow, planRow } from "../../store/catalog-rows.ts";
import type { Sealer } from "../../store/sealer.ts";
import { PackTable, PlanTable } from "../../store/tables.ts";
import { createCompany } from "./company.ts";
import { daysOf, memberId, type SeedDay, type SeedYearSize } from "./options.ts";
import { createRecords } from "./records.ts";
import { PACKS, PLANS } from "./wares.ts";

export interface SeedYearOptions extends SeedYearSize {
  /** Keeps the numbers of payments; without the service's own keys nobody can open them. */
  readonly sealer: Sealer;
  /** Told of the share that is done, from 0 to 1. */
  readonly progress?: (share: number) => void;
}

export interface SeededYear {
  readonly days: readonly SeedDay[];
  readonly movements: number;
}

/** What is large: a server that has counted it reads it the right way from the first query on. */
const TABLES = ["users", "orders", "payments", "quota_logs", "quota_reservations", "vendor_costs"];
/** Statements under way at one time: one is made while others are written. */
const AT_ONCE = 2;

/** @param orm on a migrated database that hasn't been given the same year before */
export async function seedYear(orm: MikroORM, options: SeedYearOptions): Promise<SeededYear> {
  const days = daysOf(options);
  await refuseTwice(orm, options.seed);
  await offer(orm, days[0]!.startMs);
  const records = createRecords(options.sealer);
  const company = createCompany(records, options, days);
  const writing = createWriter(orm);
  for (const day of days) {
    company.live(day);
    for (const sql of records.take(false)) await writing.write(sql);
    options.progress?.((day.number + 1) / (days.length + 1));
  }
  company.close();
  for (const sql of records.take(true)) await writing.write(sql);
  await writing.end();
  for (const table of TABLES) await orm.em.fork().execute(`analyze table ${table}`);
  options.progress?.(1);
  return { days, movements: records.movements };
}

/** @throws Error when the members of that seed are there: ledgers are never emptied */
async function refuseTwice(orm: MikroORM, seed: number): Promise<void> {
  const first = memberId(seed, 1);
  const sql = `select 1 from quota_logs where user_id = '${first}' limit 1`;
  if ((await orm.em.fork().execute<unknown[]>(sql)).length === 0) return;
  throw new Error(`the year of seed ${seed} is there already, or a part of it; take another seed`);
}

/** What is sold has a row in the catalogue, where the operators haven't put one yet. */
async function offer(orm: MikroORM, startMs: number): Promise<void> {
  const em = orm.em.fork();
  const onConflict = { onConflictAction: "ignore" } as const;
  await em.upsertMany(
    PlanTable,
    PLANS.map((plan) => planRow(plan, startMs)),
    onConflict,
  );
  await em.upsertMany(
    PackTable,
    PACKS.map((pack) => packRow(pack, startMs)),
    onConflict,
  );
}

function createWriter(orm: MikroORM) {
  const em = orm.em.fork();
  const underWay = new Set<Promise<void>>();
  const settle = () => Promise.race(underWay);
  return {
    async write(sql: string) {
      const running: Promise<void> = em
        .execute(sql, [], "run")
        .then(() => void underWay.delete(running));
      // What fails beside another one is told by that one.
      running.catch(() => {});
      underWay.add(running);
      if (underWay.size >= AT_ONCE) await settle();
    },
    end: () => Promise.all(underWay),
  };
}
