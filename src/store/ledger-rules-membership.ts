/** Rules of memberships: each is what its record says. Users from before the record have none. */
import type { LedgerRule } from "./ledger-rule.ts";

/** The last step of each user's record, and the last that says whether risk control has stopped the user. */
const LAST = `(select user_id, to_state, end_after, plan_id,
    row_number() over (partition by user_id order by sequence desc) as place
  from membership_transitions where {user_id})`;
const LAST_WORD = `(select user_id, event, row_number() over (partition by user_id order by sequence desc) as place
  from membership_transitions where {user_id} and event in ('REGISTERED', 'SUSPENDED', 'RESUMED'))`;

const STEPS = `(select user_id, sequence, from_state, end_before, lag(to_state) over before_it as state_due,
    lag(end_after) over before_it as end_due, lag(sequence) over before_it as last_sequence
  from membership_transitions where {user_id} window before_it as (partition by user_id order by sequence))`;

export const MEMBERSHIP_RULES: readonly LedgerRule[] = [
  {
    code: "LB27",
    scope: "users",
    says: "The record of a membership is numbered from 1 to the user's count, without a gap.",
    sql: `select u.user_id as row_id, u.membership_steps as expected,
        concat(coalesce(m.total, 0), ', the last ', coalesce(m.highest, 0)) as found
      from users u left join (select user_id, count(*) as total, max(sequence) as highest
        from membership_transitions where {user_id} group by user_id) m on m.user_id = u.user_id
      where {u.user_id} and (coalesce(m.total, 0) <> u.membership_steps
        or coalesce(m.highest, 0) <> u.membership_steps)`,
  },
  {
    code: "LB28",
    scope: "users",
    says: "Each step of a membership begins with the state and the end that the one before left.",
    sql: `select concat(user_id, '/', sequence) as row_id,
        concat(state_due, ' until ', coalesce(end_due, 'never')) as expected,
        concat(from_state, ' until ', coalesce(end_before, 'never')) as found
      from ${STEPS} s where last_sequence is not null
        and (from_state <> state_due or not (end_before <=> end_due))`,
  },
  {
    code: "LB29",
    scope: "users",
    says: "A membership has the state, the end and the plan that its last step left.",
    sql: `select u.user_id as row_id,
        concat(m.to_state, ' until ', coalesce(m.end_after, 'never'), ', ', coalesce(m.plan_id, 'no plan')) as expected,
        concat(u.membership_state, ' until ', coalesce(u.membership_until, 'never'), ', ',
          coalesce(u.plan_id, 'no plan')) as found
      from users u join ${LAST} m on m.user_id = u.user_id and m.place = 1
      where {u.user_id} and (u.membership_state <> m.to_state
        or not (u.membership_until <=> m.end_after) or not (u.plan_id <=> m.plan_id))`,
  },
  {
    code: "LB30",
    scope: "users",
    says: "A user is suspended when the record's last word about it says so.",
    sql: `select u.user_id as row_id, if(m.event = 'SUSPENDED', 'SUSPENDED', 'ACTIVE') as expected, u.state as found
      from users u join ${LAST_WORD} m on m.user_id = u.user_id and m.place = 1
      where {u.user_id} and u.state <> if(m.event = 'SUSPENDED', 'SUSPENDED', 'ACTIVE')`,
  },
  {
    code: "LB31",
    scope: "users",
    says: "A paid membership began or went on by an order that the same user has paid.",
    sql: `select concat(m.user_id, '/', m.sequence) as row_id, 'a paid order of a plan' as expected,
        coalesce(concat(o.order_id, ' ', o.kind, ' ', o.state, ' of ', o.user_id), m.order_id, 'no order') as found
      from membership_transitions m left join orders o on o.order_id = m.order_id
      where {m.user_id} and m.event in ('ACTIVATED', 'RENEWED') and (o.order_id is null
        or o.payment_id is null or o.kind <> 'PLAN' or o.user_id <> m.user_id)`,
  },
];
