/** Rules of reservations: each against its own columns and against the log. */
import type { LedgerRule } from "./ledger-rule.ts";

/** What the log says of each reservation. */
const BY_RESERVATION = `(select user_id, reservation_id, sum(available_change) as available,
    sum(held_change) as held, sum(type = 'REFUND') as refunds,
    count(distinct if(type = 'RESERVE', operation_id, null)) as reserves,
    count(distinct if(type = 'COMMIT', operation_id, null)) as commits,
    count(distinct if(type = 'EXPIRE_HOLD', operation_id, null)) as expiries,
    count(distinct if(type = 'REFUND' and available_change > 0, operation_id, null)) as refunds_moved,
    -sum(if(type = 'COMMIT', held_change, 0)) as spent
  from quota_logs where {user_id} and reservation_id is not null group by user_id, reservation_id)`;

const WITH_LOG = `quota_reservations r left join ${BY_RESERVATION} l
  on l.user_id = r.user_id and l.reservation_id = r.reservation_id`;

/** The parts of a reservation, a row for each lot. A text that isn't JSON has none. */
const PARTS = `json_table(if(json_valid(r.allocations), r.allocations, '[]'), '$[*]'
  columns (grant_id varchar(63) path '$[0]', amount bigint path '$[1]')) part`;

export const RESERVATION_RULES: readonly LedgerRule[] = [
  {
    code: "LB18",
    scope: "users",
    says: "A reservation's amount is the cost of one use, times the uses.",
    sql: `select reservation_id as row_id, unit_cost * quantity as expected, amount as found
      from quota_reservations where {user_id} and amount <> unit_cost * quantity`,
  },
  {
    code: "LB19",
    scope: "users",
    says: "A hold has spent and given back nothing; what is settled has spent or given back all of it, as its state says.",
    sql: `select reservation_id as row_id,
        concat(case state when 'HELD' then '0 spent, 0 back' when 'COMMITTED' then concat(amount, ' together')
          else concat('0 spent, ', amount, ' back') end) as expected,
        concat(state, if(refunded, ' refunded', ''), ': ', committed_amount, ' spent, ', refunded_amount, ' back') as found
      from quota_reservations where {user_id} and not (refunded = (state = 'REFUNDED') and case state
        when 'HELD' then committed_amount = 0 and refunded_amount = 0
        when 'COMMITTED' then committed_amount + refunded_amount = amount and commit_time is not null
        when 'EXPIRED' then committed_amount = 0 and refunded_amount = amount
        when 'REFUNDED' then committed_amount = 0 and refunded_amount = amount and refund_time is not null
        else false end)`,
  },
  {
    code: "LB20",
    scope: "users",
    says: "What the log holds for a reservation is its amount while it's open, and nothing after.",
    sql: `select r.reservation_id as row_id, if(r.state = 'HELD', r.amount, 0) as expected,
        coalesce(l.held, 0) as found
      from ${WITH_LOG} where {r.user_id} and coalesce(l.held, 0) <> if(r.state = 'HELD', r.amount, 0)`,
  },
  {
    code: "LB21",
    scope: "users",
    says: "What the log takes from lots for a reservation is what it holds or has spent.",
    sql: `select r.reservation_id as row_id, if(r.state = 'HELD', r.amount, r.committed_amount) as expected,
        -coalesce(l.available, 0) as found
      from ${WITH_LOG} where {r.user_id}
        and -coalesce(l.available, 0) <> if(r.state = 'HELD', r.amount, r.committed_amount)`,
  },
  {
    code: "LB22",
    scope: "users",
    says: "The parts of a reservation are its amount, or what was spent anew after it had expired.",
    sql: `select row_id, expected, found from (
        select r.reservation_id as row_id,
          if(l.expiries > 0 and r.commit_time is not null, l.spent, r.amount) as expected,
          coalesce((select sum(part.amount) from ${PARTS}), 0) as found
        from ${WITH_LOG} where {r.user_id}) s
      where found <> expected`,
  },
  {
    code: "LB23",
    scope: "users",
    says: "The parts of an open hold are what the log holds of each lot.",
    sql: `select concat(p.reservation_id, ' ', p.grant_id) as row_id, coalesce(l.held, 0) as expected,
        p.amount as found
      from (select r.user_id, r.reservation_id, part.grant_id, sum(part.amount) as amount
        from quota_reservations r join ${PARTS} where {r.user_id} and r.state = 'HELD'
        group by r.user_id, r.reservation_id, part.grant_id) p
      left join (select user_id, reservation_id, grant_id, sum(held_change) as held from quota_logs
        where {user_id} and reservation_id is not null and grant_id is not null
        group by user_id, reservation_id, grant_id) l on l.user_id = p.user_id
        and l.reservation_id = p.reservation_id and l.grant_id = p.grant_id collate utf8mb4_bin
      where p.amount <> coalesce(l.held, 0)`,
  },
  {
    code: "LB24",
    scope: "users",
    says: "A reservation's log has the movements that led to its state.",
    sql: `select r.reservation_id as row_id, r.state as expected,
        concat('reserved ', coalesce(l.reserves, 0), ', committed ', coalesce(l.commits, 0), ', expired ',
          coalesce(l.expiries, 0), ', refunded ', coalesce(l.refunds, 0)) as found
      from ${WITH_LOG} where {r.user_id} and (l.reservation_id is null or not (
        l.reserves = 1 + (l.commits = 1 and l.expiries = 1) and l.commits <= 1 and l.expiries <= 1
        and (l.refunds > 0) = (r.state = 'REFUNDED') and case r.state
          when 'HELD' then l.commits = 0 and l.expiries = 0
          when 'COMMITTED' then l.commits = 1
          when 'EXPIRED' then l.expiries = 1 and l.commits = 0
          else true end))`,
  },
  {
    code: "LB25",
    scope: "users",
    says: "A reservation is refunded once at most.",
    sql: `select l.reservation_id as row_id, 1 as expected, l.refunds_moved as found
      from ${BY_RESERVATION} l where l.refunds_moved > 1`,
  },
  {
    code: "LB26",
    scope: "users",
    says: "A movement is of a reservation of the same user, or of none.",
    sql: `select concat(l.operation_id, '/', l.line) as row_id, 'a reservation of the user' as expected,
        l.reservation_id as found
      from quota_logs l left join quota_reservations r on r.reservation_id = l.reservation_id
        and r.user_id = l.user_id
      where {l.user_id} and l.reservation_id is not null and r.reservation_id is null`,
  },
];
