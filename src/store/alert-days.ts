/** What was used and spent on each day of Asia/Shanghai. Days that are over hardly change, so they are kept for a while. */
import type { EntityManager } from "@mikro-orm/mysql";
import type { SpentSum } from "../billing/alert/budget.ts";
import type { FeatureUse, VendorUse } from "../billing/alert/facts.ts";
import { shanghaiDay } from "../billing/calendar.ts";
import { DAY_MS, HOUR_MS } from "../billing/clock.ts";
import { idsFrom } from "../billing/id.ts";
import { sum } from "../billing/money.ts";
import { toBigInt, type Row } from "./cell.ts";
import { literal } from "./sql.ts";

/** Days before today that are compared with. */
export const HISTORY_DAYS = 28;
/** What counts as used of a reservation: refunded and expired ones don't. */
export const USED = `case state when 'HELD' then amount when 'COMMITTED' then committed_amount else 0 end`;

/** The first moment of the day of Asia/Shanghai. */
export function dayStartMs(nowMs: number): number {
  return Date.parse(`${shanghaiDay(nowMs)}T00:00:00+08:00`);
}

interface FeatureSum {
  readonly featureId: string;
  readonly amount: bigint;
}

export interface DaySums {
  /** By day, the oldest first, today last. */
  costs(em: EntityManager, nowMs: number): Promise<ReadonlyMap<string, readonly SpentSum[]>>;
  uses(em: EntityManager, nowMs: number): Promise<ReadonlyMap<string, readonly FeatureSum[]>>;
}

/** A cost may be recorded days after its work, and is counted within this time all the same. */
const COSTS_KEPT_MS = HOUR_MS;
/** What was reserved on a day that is over changes by refunds only, and they are few. */
const USES_KEPT_MS = DAY_MS;

export function createDaySums(): DaySums {
  const costs = keeper(COSTS_KEPT_MS, costsOf);
  const uses = keeper(USES_KEPT_MS, usesOf);
  return {
    costs: (em, nowMs) => {
      // The whole month, for budgets, and the days that are compared with.
      const days = Math.max(HISTORY_DAYS + 1, Number(shanghaiDay(nowMs).slice(8)) - 1);
      return costs(em, nowMs, days);
    },
    uses: (em, nowMs) => uses(em, nowMs, HISTORY_DAYS),
  };
}

/** Asks for each day by itself, so that no statement reads more than one. */
function keeper<Each>(
  keptMs: number,
  ask: (em: EntityManager, startMs: number) => Promise<readonly Each[]>,
) {
  const kept = new Map<string, { readonly rows: readonly Each[]; readonly untilMs: number }>();
  return async (em: EntityManager, nowMs: number, days: number) => {
    const found = new Map<string, readonly Each[]>();
    for (let ago = days; ago >= 0; ago--) {
      const startMs = dayStartMs(nowMs) - ago * DAY_MS;
      const day = shanghaiDay(startMs);
      const known = kept.get(day);
      const isKnown = known !== undefined && known.untilMs > nowMs;
      const rows = isKnown ? known.rows : await ask(em, startMs);
      // Yesterday is still being written by those whose work ended about midnight.
      if (!isKnown && ago > 1) kept.set(day, { rows, untilMs: nowMs + keptMs });
      found.set(day, rows);
    }
    for (const day of kept.keys()) if (!found.has(day)) kept.delete(day);
    return found;
  };
}

async function costsOf(em: EntityManager, startMs: number): Promise<SpentSum[]> {
  const rows = await em.execute<Row[]>(
    `select vendor, feature_id, sum(amount_micro_yuan) as amount from vendor_costs
      where day = ${literal(shanghaiDay(startMs))} group by vendor, feature_id`,
  );
  return rows.map((row) => ({
    vendor: row["vendor"] as string,
    featureId: row["feature_id"] as string | null,
    amountMicroYuan: toBigInt(row["amount"]),
  }));
}

async function usesOf(em: EntityManager, startMs: number): Promise<FeatureSum[]> {
  const rows = await em.execute<Row[]>(
    `select feature_id, sum(${USED}) as amount from quota_reservations
      where reservation_id >= ${literal(idsFrom("rsv", startMs))}
        and reservation_id < ${literal(idsFrom("rsv", startMs + DAY_MS))} group by feature_id`,
  );
  return rows.map((row) => ({
    featureId: row["feature_id"] as string,
    amount: toBigInt(row["amount"]),
  }));
}

export function featureUse(uses: ReadonlyMap<string, readonly FeatureSum[]>): FeatureUse[] {
  const days = [...uses.values()].map(
    (rows) => new Map(rows.map(({ featureId, amount }) => [featureId, amount])),
  );
  return seriesOf(days).map(({ name, ...use }) => ({ featureId: name, ...use }));
}

export function vendorUse(
  costs: ReadonlyMap<string, readonly SpentSum[]>,
  nowMs: number,
): VendorUse[] {
  const sums = new Map([...costs].map(([day, rows]) => [day, byVendor(rows)] as const));
  return [0, 1].flatMap((ago) => {
    const startMs = dayStartMs(nowMs) - ago * DAY_MS;
    const day = shanghaiDay(startMs);
    const firstDay = shanghaiDay(startMs - HISTORY_DAYS * DAY_MS);
    const days = [...sums].flatMap(([each, ofDay]) =>
      each >= firstDay && each <= day ? [ofDay] : [],
    );
    return seriesOf(days).map(({ name, ...use }) => ({ vendor: name, day, ...use }));
  });
}

function byVendor(rows: readonly SpentSum[]): ReadonlyMap<string, bigint> {
  const parts = Map.groupBy(rows, ({ vendor }) => vendor);
  const sums = [...parts].map(
    ([vendor, each]) => [vendor, sum(each.map((part) => part.amountMicroYuan))] as const,
  );
  return new Map(sums);
}

/** For each name of the last day: that day's amount and the days before, from its first on. */
function seriesOf(days: readonly ReadonlyMap<string, bigint>[]) {
  const last = days.at(-1) ?? new Map<string, bigint>();
  return [...last].map(([name, amount]) => {
    const before = days.slice(0, -1);
    const first = before.findIndex((day) => day.has(name));
    const history = first < 0 ? [] : before.slice(first).map((day) => day.get(name) ?? 0n);
    return { name, amount, history };
  });
}
