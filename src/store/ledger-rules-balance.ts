/** Rules of balances and of the log that they come from. */
import type { LedgerRule } from "./ledger-rule.ts";

const LAST_ROW = `(select user_id, available_after, held_after,
    row_number() over (partition by user_id order by sequence desc) as place
  from quota_logs where {user_id})`;

const STEPS = `(select operation_id, line, user_id, sequence, available_after, held_after,
    available_change + coalesce(lag(available_after) over before_it, 0) as available_due,
    held_change + coalesce(lag(held_after) over before_it, 0) as held_due
  from quota_logs where {user_id} window before_it as (partition by user_id order by sequence))`;

export const BALANCE_RULES: readonly LedgerRule[] = [
  {
    code: "LB01",
    scope: "users",
    says: "A balance is the sum of what is left in the open lots.",
    sql: `select u.user_id as row_id, coalesce(g.total, 0) as expected, u.quota_remaining as found
      from users u left join (select user_id, sum(remaining) as total from quota_grants
        where {user_id} and state = 'OPEN' group by user_id) g on g.user_id = u.user_id
      where {u.user_id} and u.quota_remaining <> coalesce(g.total, 0)`,
  },
  {
    code: "LB02",
    scope: "users",
    says: "What is held is the sum of the open holds.",
    sql: `select u.user_id as row_id, coalesce(r.total, 0) as expected, u.quota_held as found
      from users u left join (select user_id, sum(amount) as total from quota_reservations
        where {user_id} and state = 'HELD' group by user_id) r on r.user_id = u.user_id
      where {u.user_id} and u.quota_held <> coalesce(r.total, 0)`,
  },
  {
    code: "LB03",
    scope: "users",
    says: "A user's log is numbered from 1 to the user's count, without a gap.",
    sql: `select u.user_id as row_id, concat('1..', u.log_sequence) as expected,
        concat(coalesce(l.lowest, 1), '..', coalesce(l.highest, 0), ', rows: ', coalesce(l.total, 0)) as found
      from users u left join (select user_id, min(sequence) as lowest, max(sequence) as highest,
          count(*) as total from quota_logs where {user_id} group by user_id) l on l.user_id = u.user_id
      where {u.user_id} and (coalesce(l.total, 0) <> u.log_sequence
        or coalesce(l.highest, 0) <> u.log_sequence or coalesce(l.lowest, 1) <> 1)`,
  },
  {
    code: "LB04",
    scope: "users",
    says: "The last row of a user's log has the balances that the user has.",
    sql: `select u.user_id as row_id,
        concat(coalesce(l.available_after, 0), ' and ', coalesce(l.held_after, 0), ' held') as expected,
        concat(u.quota_remaining, ' and ', u.quota_held, ' held') as found
      from users u left join ${LAST_ROW} l on l.user_id = u.user_id and l.place = 1
      where {u.user_id} and (u.quota_remaining <> coalesce(l.available_after, 0)
        or u.quota_held <> coalesce(l.held_after, 0))`,
  },
  {
    code: "LB05",
    scope: "users",
    says: "Each row of a log has the balances of the row before and its own change.",
    sql: `select concat(operation_id, '/', line) as row_id,
        concat(available_due, ' and ', held_due, ' held') as expected,
        concat(available_after, ' and ', held_after, ' held') as found
      from ${STEPS} s where available_after <> available_due or held_after <> held_due`,
  },
  {
    code: "LB06",
    scope: "users",
    says: "All changes of a user's log together are the user's balances.",
    sql: `select u.user_id as row_id,
        concat(coalesce(l.available, 0), ' and ', coalesce(l.held, 0), ' held') as expected,
        concat(u.quota_remaining, ' and ', u.quota_held, ' held') as found
      from users u left join (select user_id, sum(available_change) as available, sum(held_change) as held
        from quota_logs where {user_id} group by user_id) l on l.user_id = u.user_id
      where {u.user_id} and (u.quota_remaining <> coalesce(l.available, 0) or u.quota_held <> coalesce(l.held, 0))`,
  },
  {
    code: "LB07",
    scope: "users",
    says: "Whoever has lots, reservations or a log is a user who is known.",
    sql: `select c.user_id as row_id, 'a user' as expected, concat('none, but rows of ', min(c.place)) as found
      from (select user_id, 'quota_grants' as place from quota_grants where {user_id} group by user_id
        union all select user_id, 'quota_reservations' from quota_reservations where {user_id} group by user_id
        union all select user_id, 'quota_logs' from quota_logs where {user_id} group by user_id
        union all select user_id, 'membership_transitions' from membership_transitions
          where {user_id} group by user_id
        union all select user_id, 'orders' from orders where {user_id} group by user_id) c
      left join users u on u.user_id = c.user_id where u.user_id is null group by c.user_id`,
  },
];
