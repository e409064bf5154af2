/**
 * A day, recomputed in SQL alone from the formulas of docs/finance.md. It shares nothing with what makes reports, and
 * is as plain as it can be: a statement a figure, slow and obvious.
 */
import {
  startOfDay,
  dayNumberOf,
  sorted,
  text,
  whole,
  type Query,
  type Rates,
  type Recomputed,
  type RecomputedRow,
  type Row,
} from "./recomputed.ts";

/** to_days() of 1970-01-01. */
const DAY_ZERO = 719_528;

interface Day {
  /** YYYY-MM-DD. */
  readonly date: string;
  /** As to_days() counts. */
  readonly number: number;
  readonly start: string;
  readonly end: string;
}

/** What holds of a time in the day. */
const within = (column: string, { start, end }: Day) =>
  `(${column} >= '${start}' and ${column} < '${end}')`;
/** The day of a time in Asia/Shanghai, as to_days() counts. */
const dayOf = (column: string) => `to_days(${column} + interval 8 hour)`;

export async function dayInSql(query: Query, date: string, rates: Rates): Promise<Recomputed> {
  const day = dayNamed(date);
  const number = async (sql: string) => {
    const [row] = await query(`select (${sql}) as value`);
    const value = row!["value"];
    return value === null ? null : BigInt(text(value));
  };
  const figures: Record<string, bigint | null> = {};
  for (const [id, sql] of Object.entries(directFigures(day))) figures[id] = await number(sql);
  const earned = await earnedByPlan(query, day);
  figures["revenue.recognised"] = await number(added(earned.map((row) => text(row["earned"]))));
  figures["revenue.deferred"] = await number(added(earned.map((row) => text(row["deferred"]))));
  const known = (id: string) => String(figures[id]!);
  figures["revenue.net"] = await number(`${known("revenue.sales")} - ${known("revenue.refunded")}`);
  figures["revenue.vat"] = await number(vat(known("revenue.net"), rates));
  figures["revenue.recognised_vat"] = await number(vat(known("revenue.recognised"), rates));
  figures["costs.bills_missing"] =
    await number(`if((${NEWEST_BILL(day)}) is null and (${known("revenue.sales")} <> 0
    or ${known("revenue.unowed_received")} <> 0 or ${known("revenue.refunded")} <> 0
    or ${known("revenue.unowed_returned")} <> 0), 1, 0)`);
  figures["costs.total"] = await number(
    `${fen(known("costs.vendors"))} + ${fen(`coalesce(${known("costs.payment_fees")}, 0)`)}`,
  );
  figures["margin.earned"] = await number(
    `${known("revenue.recognised")} - (${known("revenue.recognised_vat")})`,
  );
  figures["margin.gross"] = await number(`${known("margin.earned")} - (${known("costs.total")})`);
  figures["margin.gross_share"] = await number(
    figures["margin.earned"] === 0n ? "null" : share(known("margin.gross"), known("margin.earned")),
  );
  const tables = {
    "revenue.products": await products(query, day),
    "costs.services": await services(query, day),
    "margin.features": await features(query, day, known("margin.earned")),
    "margin.plans": await plans(query, day, earned),
  };
  return { figures, tables };
}

function dayNamed(date: string): Day {
  const number = dayNumberOf(date);
  const at = (day: number) =>
    new Date(startOfDay(day)).toISOString().replace("T", " ").slice(0, 23);
  return { date, number: number + DAY_ZERO, start: at(number), end: at(number + 1) };
}

const added = (numbers: readonly string[]) =>
  ["0", ...numbers.map((number) => `(${number})`)].join(" + ");
/** Rounded half away from zero. */
const vat = (net: string, { vatBasisPoints: r }: Rates) =>
  `sign(${net}) * ((2 * abs(${net}) * ${r} + ${10_000n + r}) div ${2n * (10_000n + r)})`;
/** Of micro-yuan, rounded half up: (x + 5000) / 10000 has four decimals, which is as many as the server keeps. */
const fen = (microYuan: string) => `floor((${microYuan} + 5000) / 10000)`;
/** Per mille, rounded down: what `div` cuts off of a negative one is one more. */
const share = (part: string, all: string) =>
  `((${part}) * 1000) div (${all}) - if((((${part}) * 1000) mod (${all})) <> 0 and (${part} < 0) <> (${all} < 0), 1, 0)`;

const NEWEST_BILL = ({ date }: Day) => `select b.bill_id from bill_imports b where b.type = 'TRADE'
  and b.bill_date = '${date}' order by b.create_time desc, b.bill_id desc limit 1`;

function directFigures(day: Day): Record<string, string> {
  const granted = "p.disposition = 'GRANTED'";
  const back = `refunds r join payments p on p.payment_id = r.payment_id
    where r.state = 'SUCCEEDED' and ${within("r.success_time", day)}`;
  const logs = (sum: string, types: string) =>
    `select coalesce(sum(${sum}), 0) from quota_logs where type in (${types}) and ${within("create_time", day)}`;
  const steps = (what: string) =>
    `select count(*) from membership_transitions where ${what} and ${within("create_time", day)}`;
  const standing = (
    state: string,
  ) => `select count(*) from membership_transitions m where m.to_state = '${state}'
    and m.create_time < '${day.end}' and not exists (select 1 from membership_transitions n
      where n.user_id = m.user_id and n.create_time < '${day.end}' and n.sequence > m.sequence)`;
  return {
    "orders.created": `select count(*) from orders where ${within("create_time", day)}`,
    "orders.paid": `select count(*) from payments p where ${granted} and ${within("p.pay_time", day)}`,
    "orders.closed": `select count(*) from orders where state = 'CLOSED' and ${within("close_time", day)}`,
    "orders.refunds": `select count(*) from ${back} and ${granted}`,
    "revenue.sales": `select coalesce(sum(p.amount_fen), 0) from payments p where ${granted} and ${within("p.pay_time", day)}`,
    "revenue.refunded": `select coalesce(sum(r.amount_fen), 0) from ${back} and ${granted}`,
    "revenue.unowed_received": `select coalesce(sum(p.amount_fen), 0) from payments p where not ${granted} and ${within("p.pay_time", day)}`,
    "revenue.unowed_returned": `select coalesce(sum(r.amount_fen), 0) from ${back} and not ${granted}`,
    "quota.granted": logs("available_change", "'GRANT', 'ACTIVATE', 'RESTORE'"),
    "quota.reserved": logs("held_change", "'RESERVE'"),
    "quota.used": logs("-held_change", "'COMMIT'"),
    "quota.returned": logs("available_change", "'RELEASE', 'EXPIRE_HOLD'"),
    "quota.refunded": logs("available_change", "'REFUND'"),
    "quota.refunded_after_use": logs("available_change + held_change", "'REFUND'"),
    "quota.lapsed": logs("-available_change", "'EXPIRE_GRANT'"),
    "quota.revoked": logs("-available_change", "'REVOKE'"),
    "quota.liability": `select coalesce(sum(available_change + held_change), 0) from quota_logs where create_time < '${day.end}'`,
    "members.registered": steps("event = 'REGISTERED'"),
    "members.activated": steps("event = 'ACTIVATED'"),
    "members.renewed": steps("event = 'RENEWED'"),
    "members.lapsed": steps("to_state = 'LAPSED' and from_state <> 'LAPSED'"),
    "members.trial": standing("TRIAL"),
    "members.active": standing("ACTIVE"),
    "costs.vendors": `select coalesce(sum(amount_micro_yuan), 0) from vendor_costs where day = '${day.date}'`,
    "costs.payment_fees": `select if(n.bill_id is null, null, (select coalesce(sum(fee_micro_yuan), 0) from bill_rows
      where bill_id = n.bill_id)) from (select (${NEWEST_BILL(day)}) as bill_id) n`,
  };
}

/** What an order has earned by the end of day `k`, in a stretch between two refunds: see `stretches`. */
const earnedBy = (k: string) => `case when ${k} < g.since then 0 when ${k} < g.b then g.base
  when ${k} >= g.e - 1 then g.base + g.rest else g.base + (g.rest * (${k} - g.b + 1)) div (g.e - g.b) end`;

/**
 * Each order's life in stretches: the first begins with the payment, and each day of refunds begins another one.
 * base: what had been earned before it; rest: what is earned from day b to e - 1; back: what has gone back.
 */
function stretchesSql(): string {
  const had = earnedBy("x.f - 1");
  const deferred = `g.a - g.back - (${had})`;
  return `with recursive sold as (
    select o.order_id, o.kind, o.product_id, p.amount_fen as a, ${dayOf("p.pay_time")} as p,
      case o.kind when 'PLAN' then ${dayOf("o.membership_start_time")} else ${dayOf("p.pay_time")} end as s,
      case o.kind when 'PLAN' then ${dayOf("coalesce(m.end_after, o.membership_end_time)")}
        else ${dayOf("p.pay_time")} + cast(json_unquote(json_extract(o.product, '$.pack.validDays')) as signed) end as e
    from payments p join orders o on o.order_id = p.order_id
    left join membership_transitions m on m.user_id = o.user_id and m.order_id = o.order_id and m.event in ('ACTIVATED', 'RENEWED')
    where p.disposition = 'GRANTED'),
  back as (
    select order_id, f, r, row_number() over (partition by order_id order by f) as n from (
      select p.order_id, ${dayOf("r.success_time")} as f, cast(sum(r.amount_fen) as signed) as r
      from refunds r join payments p on p.payment_id = r.payment_id
      where r.state = 'SUCCEEDED' and p.disposition = 'GRANTED'
      group by p.order_id, ${dayOf("r.success_time")}) days),
  stretches as (
    select order_id, kind, product_id, a, s, greatest(e, s + 1) as e, cast(0 as signed) as n, p as since,
      cast(0 as signed) as base, a as rest, s as b, cast(0 as signed) as back from sold
    union all
    select g.order_id, g.kind, g.product_id, g.a, g.s, g.e, g.n + 1, x.f,
      if(x.r <= ${deferred}, ${had}, (${had}) - (x.r - (${deferred}))),
      if(x.r <= ${deferred}, ${deferred} - x.r, 0), greatest(x.f, g.s), g.back + x.r
    from stretches g join back x on x.order_id = g.order_id and x.n = g.n + 1)`;
}

/** What orders of each plan, and packs, earned in the day, and what of them is deferred at its end. */
function earnedByPlan(query: Query, day: Day): Promise<readonly Row[]> {
  const at = (
    k: number,
  ) => `select order_id, kind, product_id, ${earnedBy(String(k))} as earned, a - back - (${earnedBy(String(k))}) as deferred,
    row_number() over (partition by order_id order by n desc) as place from stretches g where since <= ${k}`;
  return query(`${stretchesSql()},
    ends as (${at(day.number)}), begins as (${at(day.number - 1)})
    select if(e.kind = 'PLAN', e.product_id, 'pack') as plan_id,
      sum(e.earned) - coalesce(sum(b.earned), 0) as earned, sum(e.deferred) as deferred
    from ends e left join begins b on b.order_id = e.order_id and b.place = 1
    where e.place = 1 group by if(e.kind = 'PLAN', e.product_id, 'pack')`);
}

async function products(query: Query, day: Day): Promise<RecomputedRow[]> {
  const name = "concat(if(o.kind = 'PLAN', 'plan/', 'pack/'), o.product_id)";
  const rows =
    await query(`select product, sum(orders) as orders, sum(sales) as sales, sum(refunded) as refunded from (
    select ${name} as product, 1 as orders, p.amount_fen as sales, 0 as refunded from payments p
      join orders o on o.order_id = p.order_id where p.disposition = 'GRANTED' and ${within("p.pay_time", day)}
    union all select ${name}, 0, 0, r.amount_fen from refunds r join payments p on p.payment_id = r.payment_id
      join orders o on o.order_id = p.order_id where p.disposition = 'GRANTED' and r.state = 'SUCCEEDED'
      and ${within("r.success_time", day)}) s group by product`);
  return sorted(
    rows.map((row) => [
      text(row["product"]),
      whole(row["orders"]),
      whole(row["sales"]),
      whole(row["refunded"]),
    ]),
  );
}

async function services(query: Query, { date }: Day): Promise<RecomputedRow[]> {
  const rows =
    await query(`select vendor, service, count(*) as costs, sum(amount_micro_yuan) as amount
    from vendor_costs where day = '${date}' group by vendor, service`);
  return sorted(
    rows.map((row) => [
      text(row["vendor"]),
      text(row["service"]),
      whole(row["costs"]),
      whole(row["amount"]),
    ]),
  );
}

async function features(query: Query, day: Day, earned: string): Promise<RecomputedRow[]> {
  const logs = `quota_logs l join quota_reservations r on r.reservation_id = l.reservation_id
    where ${within("l.create_time", day)}`;
  const rows = await query(`with parts as (
      select r.feature_id, count(distinct l.reservation_id) as reservations, 0 as used, 0 as refunded, 0 as cost
        from ${logs} and l.type = 'RESERVE' group by r.feature_id
      union all select r.feature_id, 0, -sum(l.held_change), 0, 0 from ${logs} and l.type = 'COMMIT' group by r.feature_id
      union all select r.feature_id, 0, 0, sum(l.available_change), 0 from ${logs} and l.type = 'REFUND' group by r.feature_id
      union all select coalesce(feature_id, ''), 0, 0, 0, sum(amount_micro_yuan) from vendor_costs
        where day = '${day.date}' group by coalesce(feature_id, '')),
    sums as (select feature_id, cast(sum(reservations) as signed) as reservations, cast(sum(used) as signed) as used,
      cast(sum(refunded) as signed) as refunded, cast(sum(cost) as signed) as cost from parts group by feature_id),
    alls as (select s.*, sum(used) over () as all_used from sums s),
    divided as (select a.*, if(all_used = 0, 0, (abs(${earned}) * used) div all_used) as part,
      if(all_used = 0, 0, (abs(${earned}) * used) mod all_used) as left_over from alls a),
    placed as (select d.*, row_number() over (order by left_over desc, feature_id) as place,
      if(all_used = 0, 0, abs(${earned}) - sum(part) over ()) as missing from divided d)
    select feature_id, reservations, used, refunded, cost, sign(${earned}) * (part + if(place <= missing, 1, 0)) as earned
    from placed where reservations <> 0 or used <> 0 or refunded <> 0 or cost <> 0`);
  return sorted(
    rows.map((row) => [
      text(row["feature_id"]),
      whole(row["reservations"]),
      whole(row["used"]),
      whole(row["refunded"]),
      whole(row["cost"]),
      whole(row["earned"]),
    ]),
  );
}

async function plans(query: Query, day: Day, earned: readonly Row[]): Promise<RecomputedRow[]> {
  const costs = await query(`with latest as (select user_id, plan_id, row_number() over
      (partition by user_id order by sequence desc) as place from membership_transitions where create_time < '${day.end}')
    select coalesce(m.plan_id, '') as plan_id, sum(c.amount_micro_yuan) as cost from vendor_costs c
    left join latest m on m.user_id = c.user_id and m.place = 1
    where c.day = '${day.date}' group by coalesce(m.plan_id, '')`);
  const rows = await query(
    `select plan_id, sum(earned) as earned, sum(cost) as cost from (
      select null as plan_id, 0 as earned, 0 as cost
      ${earned.map((row) => `union all select '${text(row["plan_id"])}', ${text(row["earned"])}, 0`).join(" ")}
      ${costs.map((row) => `union all select '${text(row["plan_id"])}', 0, ${text(row["cost"])}`).join(" ")}) s
    where plan_id is not null group by plan_id having sum(earned) <> 0 or sum(cost) <> 0`,
  );
  return sorted(
    rows.map((row) => [text(row["plan_id"]), whole(row["earned"]), whole(row["cost"])]),
  );
}
