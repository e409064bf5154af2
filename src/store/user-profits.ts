/** What users brought and cost within some days, for as many users at once as are asked for. */
import type { EntityManager } from "@mikro-orm/mysql";
import { idsFrom, type UserId } from "../billing/id.ts";
import { dayStartMs, dayText, type DayRange } from "../billing/report/days.ts";
import { recognisedWithin } from "../billing/report/recognition.ts";
import type { TopOrder, UserProfit } from "../billing/report/report.ts";
import { fenOf, vatIn } from "../billing/report/sums.ts";
import { HOUR_MS } from "../billing/clock.ts";
import { toBigInt, type Row } from "./cell.ts";
import { momentText } from "./day-facts.ts";
import { forEachEarning } from "./earning-rows.ts";
import { listSql, literal } from "./sql.ts";

/** Users whose losses are looked at before it is asked whether more are needed. */
const LOSS_CANDIDATES = 200;

/** @param em within a snapshot @param userIds at least one */
export async function profitsOf(
  em: EntityManager,
  userIds: readonly string[],
  days: DayRange,
  vatBasisPoints: bigint,
): Promise<UserProfit[]> {
  const list = listSql(userIds);
  const between = (column: string) =>
    `${column} >= ${momentText(days.first)} and ${column} < ${momentText(days.end)}`;
  const sums = async (sql: string) => {
    const rows = await em.execute<Row[]>(`${sql} group by owner`);
    return new Map(rows.map((row) => [row["owner"] as string, toBigInt(row["total"])]));
  };
  const sales = await sums(`select o.user_id as owner, sum(p.amount_fen) as total
    from orders o join payments p on p.order_id = o.order_id
    where o.user_id in (${list}) and p.disposition = 'GRANTED' and ${between("p.pay_time")}`);
  const refunded = await sums(`select r.user_id as owner, sum(r.amount_fen) as total
    from refunds r join payments p on p.payment_id = r.payment_id
    where r.user_id in (${list}) and r.state = 'SUCCEEDED' and p.disposition = 'GRANTED'
      and ${between("r.success_time")}`);
  const used = await sums(`select user_id as owner, -sum(held_change) as total from quota_logs
    where user_id in (${list}) and type = 'COMMIT' and ${between("create_time")}`);
  const costs =
    await sums(`select user_id as owner, sum(amount_micro_yuan) as total from vendor_costs
    where user_id in (${list}) and ${costDays(days)}`);
  const recognised = new Map<string, bigint>();
  await forEachEarning(em, { days, userIds }, ({ userId, earning }) => {
    const before = recognised.get(userId) ?? 0n;
    recognised.set(userId, before + recognisedWithin(earning, days.first, days.end));
  });
  return userIds.map((userId) => {
    const recognisedFen = recognised.get(userId) ?? 0n;
    const recognisedVatFen = vatIn(recognisedFen, vatBasisPoints);
    const costMicroYuan = costs.get(userId) ?? 0n;
    return {
      userId: userId as UserId,
      salesFen: sales.get(userId) ?? 0n,
      refundedFen: refunded.get(userId) ?? 0n,
      recognisedFen,
      recognisedVatFen,
      costMicroYuan,
      used: used.get(userId) ?? 0n,
      grossFen: recognisedFen - recognisedVatFen - fenOf(costMicroYuan),
    };
  });
}

function costDays({ first, end }: DayRange): string {
  return `day between ${literal(dayText(first))} and ${literal(dayText(end - 1))}`;
}

/** @param em within a snapshot */
export async function topUsers(
  em: EntityManager,
  order: TopOrder,
  days: DayRange,
  limit: number,
  vatBasisPoints: bigint,
): Promise<UserProfit[]> {
  if (order === "LOSS") return topLosses(em, days, limit, vatBasisPoints);
  const users = await ranked(em, order, days, limit);
  return users.length === 0 ? [] : profitsOf(em, users, days, vatBasisPoints);
}

async function ranked(
  em: EntityManager,
  order: Exclude<TopOrder, "LOSS">,
  days: DayRange,
  limit: number,
): Promise<string[]> {
  const first = momentText(days.first);
  const end = momentText(days.end);
  // An id is no earlier than its row; it's later only after a clock has stepped back.
  const fromId = literal(idsFrom("op", dayStartMs(days.first)));
  const endId = literal(idsFrom("op", dayStartMs(days.end) + HOUR_MS));
  const sums: Readonly<Record<typeof order, string>> = {
    SALES: `select user_id, sum(amount_fen) as total from payments
      where disposition = 'GRANTED' and pay_time >= ${first} and pay_time < ${end}`,
    COST: `select user_id, sum(amount_micro_yuan) as total from vendor_costs
      where ${costDays(days)} and user_id is not null`,
    USED: `select user_id, -sum(held_change) as total from quota_logs
      where operation_id >= ${fromId} and operation_id < ${endId} and type = 'COMMIT'
        and create_time >= ${first} and create_time < ${end}`,
  };
  const rows = await em.execute<Row[]>(
    `${sums[order]} group by user_id having total > 0 order by total desc, user_id limit ${limit}`,
  );
  return rows.map((row) => row["user_id"] as string);
}

/**
 * Who had no earned money paid back loses no more than the user costs. So once the costliest and all who had money paid back have been
 * looked at, nobody else can lose more than the last one's cost, and those who lose more are known to come first.
 */
async function topLosses(
  em: EntityManager,
  days: DayRange,
  limit: number,
  vatBasisPoints: bigint,
): Promise<UserProfit[]> {
  const paidBack = await em.execute<Row[]>(
    `select distinct user_id from refunds where state = 'SUCCEEDED'
      and success_time >= ${momentText(days.first)} and success_time < ${momentText(days.end)}`,
  );
  const refunded = paidBack.map((row) => row["user_id"] as string);
  for (let candidates = LOSS_CANDIDATES; ; candidates *= 4) {
    const costly = await ranked(em, "COST", days, candidates);
    const users = [...new Set([...refunded, ...costly])];
    if (users.length === 0) return [];
    const profits = await profitsOf(em, users, days, vatBasisPoints);
    const losers = profits.filter(({ grossFen }) => grossFen < 0n).toSorted(byLoss);
    if (costly.length < candidates) return losers.slice(0, limit);
    const least = profits.find(({ userId }) => userId === costly.at(-1))!;
    const last = losers[limit - 1];
    if (last !== undefined && -last.grossFen > fenOf(least.costMicroYuan)) {
      return losers.slice(0, limit);
    }
  }
}

function byLoss(one: UserProfit, other: UserProfit): number {
  if (one.grossFen !== other.grossFen) return one.grossFen < other.grossFen ? -1 : 1;
  return one.userId < other.userId ? -1 : 1;
}
