/** Finds what the provider is to be asked about, so that two servers don't ask the same at the same time. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { OrderId, RefundId } from "../billing/id.ts";
import type { DueFinder } from "../billing/order/books.ts";
import { timeText, type Row } from "./cell.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { listSql, literal } from "./sql.ts";
import { inTransaction } from "./transaction.ts";

export function createDueFinder(orm: MikroORM, context: DecisionTime): DueFinder {
  /** Their next look is put off by the lease, in a short transaction: skipped rows are somebody else's. */
  const take = (table: string, key: string, limit: number, leaseMs: number): Promise<string[]> =>
    inTransaction(orm, async (em) => {
      const { nowMs } = await readMoment(em, context);
      const now = literal(timeText(nowMs));
      const rows = await em.execute<Row[]>(
        `select ${key} as id from ${table} where next_check_time <= ${now}
          order by next_check_time limit ${limit} for update skip locked`,
      );
      const ids = rows.map((row) => row["id"] as string);
      if (ids.length === 0) return ids;
      const later = literal(timeText(nowMs + leaseMs));
      await em.execute(
        `update ${table} set next_check_time = ${later} where ${key} in (${listSql(ids)})`,
        [],
        "run",
      );
      return ids;
    });
  return {
    takeDueOrders: async (limit, leaseMs) =>
      (await take("orders", "order_id", limit, leaseMs)) as OrderId[],
    takeDueRefunds: async (limit, leaseMs) =>
      (await take("refunds", "refund_id", limit, leaseMs)) as RefundId[],
  };
}
