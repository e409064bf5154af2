/** Rules of orders: the money that came in and went back, and what was given for it. */
import type { LedgerRule } from "./ledger-rule.ts";
import { BEGIN_OF_SOURCE } from "./ledger-rules-lots.ts";
import { stepRules } from "./ledger-rules-steps.ts";

/** Refunds of the payment that the order was granted for, without those that were closed. */
const GOING_BACK = `(select r.order_id, sum(r.amount_fen) as fen, sum(r.revoked_amount) as revoked
  from refunds r join orders o on o.order_id = r.order_id and o.payment_id = r.payment_id
  where {r.order_id} and r.state <> 'CLOSED' group by r.order_id)`;

/** A number in an order's terms. */
const term = (
  name: string,
) => `cast(json_unquote(coalesce(json_extract(o.product, '$.plan.${name}'),
  json_extract(o.product, '$.pack.${name}'))) as signed)`;

/** The lots that a payment gave, besides those that refunds have made of them. */
const GIVEN = `(select o.order_id, count(g.grant_id) as lots, coalesce(sum(g.amount), 0) as total
  from orders o left join quota_grants g on g.user_id = o.user_id and g.source_kind = 'ORDER'
    and ${BEGIN_OF_SOURCE} = o.order_id and g.source_id not like '%:%:%'
  where {o.order_id} group by o.order_id)`;

const MONEY: readonly LedgerRule[] = [
  {
    code: "LB32",
    scope: "orders",
    says: "An order is paid by exactly one payment, of its amount and its user, and by none while it isn't paid.",
    sql: `select o.order_id as row_id, concat(coalesce(o.payment_id, 'no payment'), ', ',
          if(o.payment_id is null, 0, o.amount_fen), ' fen') as expected,
        concat(coalesce(p.payment_id, 'no payment'), ', ', coalesce(p.fen, 0), ' fen in ', coalesce(p.total, 0)) as found
      from orders o left join (select order_id, min(user_id) as user_id, min(payment_id) as payment_id,
          sum(amount_fen) as fen, count(*) as total from payments
        where {order_id} and disposition = 'GRANTED' group by order_id) p on p.order_id = o.order_id
      where {o.order_id} and (not (o.payment_id <=> p.payment_id)
        or (o.payment_id is not null and (p.total <> 1 or p.fen <> o.amount_fen or p.user_id <> o.user_id)))`,
  },
  {
    code: "LB33",
    scope: "orders",
    says: "An order's state is that of the money that came in and went back.",
    sql: `select order_id as row_id, case when payment_id is null then 'CREATED, PENDING or CLOSED'
          when refunded_fen = 0 then 'PAID' when refunded_fen < amount_fen then 'PARTIALLY_REFUNDED'
          else 'REFUNDED' end as expected,
        concat(state, ', ', refunded_fen, ' of ', amount_fen, ' fen back, ', granted_amount, ' given') as found
      from orders where {order_id} and not case when payment_id is null
          then state in ('CREATED', 'PENDING', 'CLOSED') and refunded_fen = 0 and granted_amount = 0 and pay_time is null
        else pay_time is not null and state = case when refunded_fen = 0 then 'PAID'
          when refunded_fen < amount_fen then 'PARTIALLY_REFUNDED' else 'REFUNDED' end end`,
  },
  {
    code: "LB34",
    scope: "orders",
    says: "What has gone back of an order is the sum of its refunds.",
    sql: `select o.order_id as row_id, coalesce(r.fen, 0) as expected, o.refunded_fen as found
      from orders o left join ${GOING_BACK} r on r.order_id = o.order_id
      where {o.order_id} and o.refunded_fen <> coalesce(r.fen, 0)`,
  },
  {
    code: "LB35",
    scope: "orders",
    says: "No more goes back of a payment than came in.",
    sql: `select p.payment_id as row_id, concat('at most ', p.amount_fen) as expected, sum(r.amount_fen) as found
      from payments p join refunds r on r.order_id = p.order_id and r.payment_id = p.payment_id
      where {p.order_id} and r.state <> 'CLOSED'
      group by p.payment_id, p.amount_fen having sum(r.amount_fen) > p.amount_fen`,
  },
  {
    code: "LB36",
    scope: "orders",
    says: "Money for which nothing can be given goes back whole, by one refund that nobody asked for.",
    sql: `select p.payment_id as row_id, concat(p.amount_fen, ' fen in 1') as expected,
        concat(coalesce(sum(r.amount_fen), 0), ' fen in ', count(r.refund_id)) as found
      from payments p left join refunds r on r.order_id = p.order_id and r.payment_id = p.payment_id
        and r.automatic = 1
      where {p.order_id} and p.disposition = 'RETURNED'
      group by p.payment_id, p.amount_fen
      having count(r.refund_id) <> 1 or coalesce(sum(r.amount_fen), 0) <> p.amount_fen`,
  },
  {
    code: "LB37",
    scope: "orders",
    says: "A payment is of an order of the same user, and its number at WeChat Pay is kept.",
    sql: `select p.payment_id as row_id, concat('an order of ', p.user_id, ', and a number') as expected,
        concat(coalesce(concat('an order of ', o.user_id), 'no order'), ', ', if(n.payment_id is null, 'no number', 'a number')) as found
      from payments p left join orders o on o.order_id = p.order_id
      left join payment_numbers n on n.payment_id = p.payment_id
      where {p.order_id} and (o.order_id is null or o.user_id <> p.user_id or n.payment_id is null)`,
  },
];

const GOODS: readonly LedgerRule[] = [
  {
    code: "LB38",
    scope: "orders",
    says: "An order's price, and what was given once it was paid, are its terms times the quantity.",
    sql: `select o.order_id as row_id, concat(coalesce(${term("priceFen")} * o.quantity, 'no'), ' fen, ',
          if(o.payment_id is null, 0, coalesce(${term("quotaAmount")} * o.quantity, 'nothing')), ' given') as expected,
        concat(o.amount_fen, ' fen, ', o.granted_amount, ' given') as found
      from orders o where {o.order_id} and (not (o.amount_fen <=> ${term("priceFen")} * o.quantity)
        or not (o.granted_amount <=> if(o.payment_id is null, 0, ${term("quotaAmount")} * o.quantity)))`,
  },
  {
    code: "LB39",
    scope: "orders",
    says: "A paid order has given its lots once: one of a pack, or one of each period of a plan.",
    sql: `select o.order_id as row_id, concat(o.granted_amount, ' in ',
          case when o.payment_id is null then 0 when o.kind = 'PACK' then 1 else o.quantity end) as expected,
        concat(g.total, ' in ', g.lots) as found
      from orders o join ${GIVEN} g on g.order_id = o.order_id
      where {o.order_id} and (g.total <> o.granted_amount or g.lots <> case
        when o.payment_id is null then 0 when o.kind = 'PACK' then 1 else o.quantity end)`,
  },
  {
    code: "LB40",
    scope: "orders",
    says: "A paid order of a plan has one step in the membership's record, which ends where its last period does.",
    sql: `select o.order_id as row_id, if(o.payment_id is null or o.kind <> 'PLAN', 'no step',
          concat('1 step until ', coalesce(o.membership_end_time, 'never'))) as expected,
        concat(count(m.sequence), ' steps until ', coalesce(max(m.end_after), 'never')) as found
      from orders o
      join membership_transitions b on b.user_id = o.user_id and b.sequence = 1 and b.event = 'REGISTERED'
      left join membership_transitions m on m.user_id = o.user_id and m.order_id = o.order_id
        and m.event in ('ACTIVATED', 'RENEWED')
      where {o.order_id}
      group by o.order_id, o.payment_id, o.kind, o.membership_end_time
      having count(m.sequence) <> if(o.payment_id is null or o.kind <> 'PLAN', 0, 1)
        or (count(m.sequence) = 1 and not (max(m.end_after) <=> o.membership_end_time)
          and not exists (select 1 from refunds r where r.order_id = o.order_id))`,
  },
  {
    code: "LB41",
    scope: "orders",
    says: "What was taken back of an order's quota is what its refunds took.",
    sql: `select o.order_id as row_id, coalesce(r.revoked, 0) as expected, o.revoked_amount as found
      from orders o left join ${GOING_BACK} r on r.order_id = o.order_id
      where {o.order_id} and o.revoked_amount <> coalesce(r.revoked, 0)`,
  },
];

export const ORDER_RULES: readonly LedgerRule[] = [
  ...MONEY,
  ...GOODS,
  ...stepRules({
    codes: ["LB42", "LB43"],
    scope: "orders",
    subject: "an order",
    key: "order_id",
    ids: "s.subject_id < 'rfd_'",
  }),
];
