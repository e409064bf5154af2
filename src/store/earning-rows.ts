/** Paid orders as revenue sees them: page by page, so that a million of them take no more memory than some thousand. */
import type { EntityManager } from "@mikro-orm/mysql";
import { dayNumber, dayStartMs, type DayRange } from "../billing/report/days.ts";
import type { Earning, PaidBack } from "../billing/report/recognition.ts";
import { msOrNull, timeText, toBigInt, toMs, type Row } from "./cell.ts";
import { listSql, literal } from "./sql.ts";

/** An order that earns. */
export interface OrderEarning {
  readonly orderId: string;
  readonly userId: string;
  /** Empty for a pack. */
  readonly planId: string;
  readonly earning: Earning;
}

export interface EarningFilter {
  /** Orders that may earn within these days, have something deferred at their end, or had money paid back. */
  readonly days: DayRange;
  /** Only of these users. */
  readonly userIds?: readonly string[];
}

const PAGE = 5_000;

/** All of them by their ids, a page at a time. @param after an order's id; "" begins at the first */
export async function earningsPage(
  em: EntityManager,
  { days, userIds }: EarningFilter,
  after: string,
  limit: number = PAGE,
): Promise<OrderEarning[]> {
  const from = literal(timeText(dayStartMs(days.first)));
  const end = literal(timeText(dayStartMs(days.end)));
  const validDays = "cast(json_value(o.product, '$.pack.validDays') as signed)";
  const rows = await em.execute<Row[]>(
    `select o.order_id, o.user_id, o.kind, o.product_id, o.refunded_fen, p.amount_fen, p.pay_time,
        o.membership_start_time, coalesce(t.end_after, o.membership_end_time) as end_time,
        case when o.kind = 'PACK' then ${validDays} end as valid_days
      from orders o
        straight_join payments p on p.payment_id = o.payment_id
        left join membership_transitions t on t.user_id = o.user_id and t.order_id = o.order_id
          and t.event in ('ACTIVATED', 'RENEWED')
      where o.order_id > ${literal(after)} and p.pay_time < ${end}
        ${userIds === undefined ? "" : `and o.user_id in (${listSql(userIds)})`}
        and (o.refunded_fen > 0 or o.membership_end_time >= ${from} or (o.kind = 'PACK' and
          timestampadd(day, greatest(${validDays}, 1) + 1, p.pay_time) >= ${from}))
      order by o.order_id limit ${limit}`,
  );
  const refunds = await refundsOf(em, rows, end);
  return rows.map((row) => ({
    orderId: row["order_id"] as string,
    userId: row["user_id"] as string,
    planId: row["kind"] === "PLAN" ? (row["product_id"] as string) : "",
    earning: earningOf(row, refunds.get(row["order_id"] as string) ?? []),
  }));
}

/** Every page, until there is none. */
export async function forEachEarning(
  em: EntityManager,
  filter: EarningFilter,
  look: (earning: OrderEarning) => void,
): Promise<void> {
  let after = "";
  for (;;) {
    const page = await earningsPage(em, filter, after);
    for (const earning of page) look(earning);
    if (page.length < PAGE) return;
    after = page.at(-1)!.orderId;
  }
}

async function refundsOf(
  em: EntityManager,
  orders: readonly Row[],
  end: string,
): Promise<Map<string, PaidBack[]>> {
  const ids = orders.flatMap((row) =>
    toBigInt(row["refunded_fen"]) > 0n ? [row["order_id"] as string] : [],
  );
  const refunds = new Map<string, PaidBack[]>();
  if (ids.length === 0) return refunds;
  const rows = await em.execute<Row[]>(
    `select r.order_id, r.amount_fen, r.success_time from refunds r
        join orders o on o.order_id = r.order_id and o.payment_id = r.payment_id
      where r.order_id in (${listSql(ids)}) and r.state = 'SUCCEEDED' and r.success_time < ${end}`,
  );
  for (const row of rows) {
    const orderId = row["order_id"] as string;
    const paidBack = {
      day: dayNumber(toMs(row["success_time"])),
      amountFen: toBigInt(row["amount_fen"]),
    };
    refunds.set(orderId, [...(refunds.get(orderId) ?? []), paidBack]);
  }
  return refunds;
}

function earningOf(row: Row, refunds: readonly PaidBack[]): Earning {
  const payDay = dayNumber(toMs(row["pay_time"]));
  const amountFen = toBigInt(row["amount_fen"]);
  const start = msOrNull(row["membership_start_time"]);
  const end = msOrNull(row["end_time"]);
  if (row["kind"] === "PLAN" && start !== null && end !== null) {
    const [firstDay, endDay] = [dayNumber(start), dayNumber(end)];
    return { amountFen, payDay, firstDay, endDay, refunds };
  }
  // A pack without an end earns all at once.
  const days = Math.max(Number(row["valid_days"] ?? 0), 1);
  return { amountFen, payDay, firstDay: payDay, endDay: payDay + days, refunds };
}
