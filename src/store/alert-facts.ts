/**
 * What the rules of alerts look at, found out by a few statements. Rows of the hot tables are found by their ids, which
 * are ordered by time, or by indexes that are there; nothing is locked. What days that are over come to is kept for a
 * while, so that a look reads today and little more.
 */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type { AlertFacts, Backlog, Earnings, Share, UserUse } from "../billing/alert/facts.ts";
import { shanghaiDay } from "../billing/calendar.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../billing/clock.ts";
import { idsFrom } from "../billing/id.ts";
import {
  createDaySums,
  dayStartMs,
  featureUse,
  HISTORY_DAYS,
  USED,
  vendorUse,
  type DaySums,
} from "./alert-days.ts";
import { earningsOf } from "./alert-earnings.ts";
import { budgetsNow } from "./alert-rows.ts";
import { spentOf } from "../billing/alert/budget.ts";
import { timeText, toBigInt, toMs, type Row } from "./cell.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { listSql, literal } from "./sql.ts";
import { reading } from "./transaction.ts";

/** Users of a day that are looked at; whoever is strange is among those who use most. */
const USERS_MAX = 200;
/** Callbacks that are older were seen by somebody. */
const CALLBACK_DAYS = 7;
/** A callback is settled within seconds; what has just come isn't late. */
const CALLBACK_GRACE_MS = MINUTE_MS;

/** What this server knows by itself. */
export interface LocalFacts {
  /** Reservations that it has answered lately. */
  refusals(): Share;
  /** What runs out, and when. */
  expiries(): NonNullable<AlertFacts["expiries"]>;
}

export interface AlertFactsSource {
  /** @throws as reading */
  gather(): Promise<AlertFacts>;
}

export function createAlertFacts(
  orm: MikroORM,
  context: DecisionTime,
  local: LocalFacts,
): AlertFactsSource {
  const sums = createDaySums();
  const known = { earnings: [] as readonly Earnings[], month: "", untilMs: 0 };
  return {
    gather: () =>
      reading(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const month = monthOf(nowMs);
        if (known.month !== month || known.untilMs <= nowMs) {
          known.month = month;
          known.earnings = await earningsOf(em, nowMs);
          known.untilMs = nowMs + HOUR_MS;
        }
        return {
          nowMs,
          refusals: local.refusals(),
          expiries: local.expiries(),
          earnings: known.earnings,
          ...(await useFacts(em, sums, nowMs)),
          ...(await refundFacts(em, nowMs)),
          ...(await backlogs(em, nowMs)),
        };
      }),
  };
}

/** YYYY-MM. */
function monthOf(nowMs: number): string {
  return shanghaiDay(nowMs).slice(0, 7);
}

async function useFacts(em: EntityManager, sums: DaySums, nowMs: number) {
  const startMs = dayStartMs(nowMs);
  const since = literal(idsFrom("rsv", startMs));
  const used = `select user_id, sum(${USED}) as n from quota_reservations
    where reservation_id >= ${since} and reservation_id < 'rsv~' group by user_id having n > 0`;
  const most = await em.execute<Row[]>(`${used} order by n desc, user_id limit ${USERS_MAX}`);
  const alike = await em.execute<Row[]>(
    `select n, count(*) as users from (${used}) as used group by n`,
  );
  const costs = await sums.costs(em, nowMs);
  const budgets = (await budgetsNow(em)).filter(({ amountMicroYuan }) => amountMicroYuan > 0n);
  const month = monthOf(nowMs);
  const ofMonth = [...costs].flatMap(([day, rows]) => (day.startsWith(month) ? rows : []));
  return {
    users: await withHistories(em, most, startMs),
    peers: alike.map((row) => ({ value: toBigInt(row["n"]), count: Number(row["users"]) })),
    features: featureUse(await sums.uses(em, nowMs)),
    vendors: vendorUse(costs, nowMs),
    budgets: budgets.map((budget) => ({ ...budget, spentMicroYuan: spentOf(budget, ofMonth) })),
  };
}

/** The days before of those who use most today; by the index on the user. */
async function withHistories(
  em: EntityManager,
  most: readonly Row[],
  startMs: number,
): Promise<UserUse[]> {
  if (most.length === 0) return [];
  const fromMs = startMs - HISTORY_DAYS * DAY_MS;
  const userIds = most.map((row) => row["user_id"] as string);
  const rows = await em.execute<Row[]>(
    `select user_id, date_format(timestampadd(hour, 8, create_time), '%Y-%m-%d') as day, sum(${USED}) as n
      from quota_reservations where user_id in (${listSql(userIds)})
        and create_time >= ${literal(timeText(fromMs))} and create_time < ${literal(timeText(startMs))}
      group by user_id, day`,
  );
  const days = Array.from({ length: HISTORY_DAYS }, (_, at) => shanghaiDay(fromMs + at * DAY_MS));
  const byUser = Map.groupBy(rows, (row) => row["user_id"] as string);
  return most.map((row) => {
    const userId = row["user_id"] as string;
    const used = new Map<string, bigint>();
    for (const each of byUser.get(userId) ?? []) {
      used.set(each["day"] as string, toBigInt(each["n"]));
    }
    const first = days.findIndex((day) => used.has(day));
    const history = first < 0 ? [] : days.slice(first).map((day) => used.get(day) ?? 0n);
    return { userId, amount: toBigInt(row["n"]), history };
  });
}

async function refundFacts(em: EntityManager, nowMs: number) {
  const lastHour = literal(idsFrom("rsv", nowMs - HOUR_MS));
  const reservations = await em.execute<Row[]>(
    `select feature_id, count(*) as n, sum(refunded) as refunds from quota_reservations
      where reservation_id >= ${lastHour} and reservation_id < 'rsv~' group by feature_id`,
  );
  const dayAgo = nowMs - DAY_MS;
  const count = async (sql: string) => toBigInt((await em.execute<Row[]>(sql))[0]!["n"]);
  return {
    quotaRefunds: reservations.map((row) => ({
      featureId: row["feature_id"] as string,
      part: toBigInt(row["refunds"]),
      whole: toBigInt(row["n"]),
    })),
    moneyRefunds: {
      part: await count(
        `select count(*) as n from refunds where refund_id >= ${literal(idsFrom("rfd", dayAgo))}
          and refund_id < 'rfd~' and automatic = 0`,
      ),
      whole: await count(
        `select count(*) as n from payments where create_time >= ${literal(timeText(dayAgo))}`,
      ),
    },
  };
}

async function backlogs(em: EntityManager, nowMs: number) {
  const now = literal(timeText(nowMs));
  const weekAgo = literal(idsFrom("ntc", nowMs - CALLBACK_DAYS * DAY_MS));
  const late = literal(timeText(nowMs - CALLBACK_GRACE_MS));
  const oldest = async (sql: string): Promise<Backlog> => {
    const [row] = await em.execute<Row[]>(sql);
    if (row === undefined || row["t"] === null) return { count: 0, oldestMs: 0 };
    return { count: 1, oldestMs: Math.max(0, nowMs - toMs(row["t"])) };
  };
  const events = await oldest(
    "select create_time as t from outbox_events where publish_time is null order by event_id limit 1",
  );
  const deliveries = await oldest(
    `select min(next_try_time) as t from webhook_deliveries where state = 'PENDING' and next_try_time <= ${now}`,
  );
  return {
    queue: events.oldestMs >= deliveries.oldestMs ? events : deliveries,
    callbacks: await oldest(
      `select min(create_time) as t from payment_inbox where inbox_id >= ${weekAgo}
        and inbox_id < 'ntc~' and state <> 'SETTLED' and create_time < ${late}`,
    ),
    stranded: await oldest(
      `select expire_time as t from quota_reservations where state = 'HELD' and expire_time < ${now}
        order by expire_time limit 1`,
    ),
    findings: await oldest(
      "select min(create_time) as t from bill_findings where clear_time is null and state <> 'RESOLVED'",
    ),
  };
}
