/** Who has cost most this month, and what they have brought in. */
import type { EntityManager } from "@mikro-orm/mysql";
import { earnedFen } from "../billing/alert/earned.ts";
import type { Earnings } from "../billing/alert/facts.ts";
import { shanghaiDay } from "../billing/calendar.ts";
import { sum } from "../billing/money.ts";
import { msOrNull, toBigInt, toMs, type Row } from "./cell.ts";
import { listSql, literal } from "./sql.ts";

/** Who loses much is among those who cost most. */
const USERS_MAX = 100;

export async function earningsOf(em: EntityManager, nowMs: number): Promise<Earnings[]> {
  const today = shanghaiDay(nowMs);
  const firstDay = `${today.slice(0, 7)}-01`;
  const costs = await em.execute<Row[]>(
    `select user_id, sum(amount_micro_yuan) as cost from vendor_costs
      where day between ${literal(firstDay)} and ${literal(today)} and user_id is not null
      group by user_id having cost > 0 order by cost desc, user_id limit ${USERS_MAX}`,
  );
  if (costs.length === 0) return [];
  const userIds = costs.map((row) => row["user_id"] as string);
  const orders = await em.execute<Row[]>(
    `select user_id, amount_fen - refunded_fen as net, pay_time, membership_start_time, membership_end_time
      from orders where user_id in (${listSql(userIds)}) and pay_time is not null`,
  );
  const byUser = Map.groupBy(orders, (row) => row["user_id"] as string);
  const fromMs = Date.parse(`${firstDay}T00:00:00+08:00`);
  return costs.map((row) => {
    const userId = row["user_id"] as string;
    const earned = (byUser.get(userId) ?? []).map((order) =>
      earnedFen(
        {
          netFen: toBigInt(order["net"]),
          payTimeMs: toMs(order["pay_time"]),
          startTimeMs: msOrNull(order["membership_start_time"]),
          endTimeMs: msOrNull(order["membership_end_time"]),
        },
        fromMs,
        nowMs,
      ),
    );
    return { userId, revenueFen: sum(earned), costMicroYuan: toBigInt(row["cost"]) };
  });
}
