/** Users by the month of their first paid membership, and what they brought and cost in a month. */
import type { EntityManager } from "@mikro-orm/mysql";
import { dayText, type DayRange } from "../billing/report/days.ts";
import type { ReportTable } from "../billing/report/document.ts";
import { COHORTS, tableFrom } from "../billing/report/figures.ts";
import { toBigInt, type Row } from "./cell.ts";
import { momentText } from "./day-facts.ts";
import { literal } from "./sql.ts";

/** @param em within a snapshot @param days of the month that are over */
export async function cohortsOf(em: EntityManager, { first, end }: DayRange): Promise<ReportTable> {
  const within = (column: string) =>
    `${column} >= ${momentText(first)} and ${column} < ${momentText(end)}`;
  // Asia/Shanghai is eight hours ahead, always; time zones by name may not be loaded.
  const cohorts = `select o.user_id,
      date_format(timestampadd(hour, 8, min(p.pay_time)), '%Y-%m') as month
    from payments p join orders o on o.order_id = p.order_id
    where p.disposition = 'GRANTED' and o.kind = 'PLAN' and p.pay_time < ${momentText(end)}
    group by o.user_id`;
  const sums = [
    `select c.month, count(*) as members, sum(t.to_state = 'ACTIVE') as active,
        0 as sales, 0 as refunded, 0 as cost
      from cohorts c left join membership_transitions t on t.user_id = c.user_id and t.sequence = (
        select max(l.sequence) from membership_transitions l
          where l.user_id = c.user_id and l.create_time < ${momentText(end)})
      group by c.month`,
    `select c.month, 0, 0, sum(p.amount_fen), 0, 0
      from payments p join cohorts c on c.user_id = p.user_id
      where p.disposition = 'GRANTED' and ${within("p.pay_time")} group by c.month`,
    `select c.month, 0, 0, 0, sum(r.amount_fen), 0
      from refunds r join payments p on p.payment_id = r.payment_id
        join cohorts c on c.user_id = r.user_id
      where r.state = 'SUCCEEDED' and p.disposition = 'GRANTED' and ${within("r.success_time")}
      group by c.month`,
    `select c.month, 0, 0, 0, 0, sum(v.amount)
      from (select user_id, sum(amount_micro_yuan) as amount from vendor_costs
          where day between ${literal(dayText(first))} and ${literal(dayText(end - 1))}
            and user_id is not null group by user_id) v
        join cohorts c on c.user_id = v.user_id
      group by c.month`,
  ];
  const rows = await em.execute<Row[]>(`with cohorts as (${cohorts}) ${sums.join(" union all ")}`);
  return tableFrom(
    COHORTS,
    rows.map((row) => [
      row["month"] as string,
      ...["members", "active", "sales", "refunded", "cost"].map((name) => toBigInt(row[name] ?? 0)),
    ]),
  );
}
