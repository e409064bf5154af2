/** Rules of lots: what moved them, what they are, and what made them lawful. */
import type { LedgerRule } from "./ledger-rule.ts";

/** What the log says of each lot. */
const BY_LOT = `(select user_id, grant_id, sum(available_change) as moved,
    sum(type = 'GRANT') as grants,
    sum(if(type in ('GRANT', 'ACTIVATE'), available_change, 0)) as filled,
    max(if(available_change > 0, sequence, 0)) as last_in,
    max(if(type = 'EXPIRE_GRANT' or (type = 'REVOKE' and available_change = 0), sequence, 0)) as last_end
  from quota_logs where {user_id} and grant_id is not null group by user_id, grant_id)`;

/** Lots that a source has given, by the part of its name before the first colon. */
export const BEGIN_OF_SOURCE = "substring_index(g.source_id, ':', 1)";

export const LOT_RULES: readonly LedgerRule[] = [
  {
    code: "LB08",
    scope: "users",
    says: "What is left in a lot is the sum of its movements.",
    sql: `select g.grant_id as row_id, coalesce(l.moved, 0) as expected, g.remaining as found
      from quota_grants g left join ${BY_LOT} l on l.user_id = g.user_id and l.grant_id = g.grant_id
      where {g.user_id} and g.remaining <> coalesce(l.moved, 0)`,
  },
  {
    code: "LB09",
    scope: "users",
    says: "Each movement of a lot tells what was left after it.",
    sql: `select concat(operation_id, '/', line) as row_id, due as expected, grant_remaining_after as found
      from (select operation_id, line, grant_remaining_after,
          sum(available_change) over (partition by user_id, grant_id order by sequence) as due
        from quota_logs where {user_id} and grant_id is not null) s
      where grant_remaining_after <> due`,
  },
  {
    code: "LB10",
    scope: "users",
    says: "A lot is granted once and filled once with its whole amount; one that waits or never began is not filled.",
    sql: `select g.grant_id as row_id, concat('granted once, ', g.amount) as expected,
        concat('granted ', coalesce(l.grants, 0), ' times, ', coalesce(l.filled, 0)) as found
      from quota_grants g left join ${BY_LOT} l on l.user_id = g.user_id and l.grant_id = g.grant_id
      where {g.user_id} and (coalesce(l.grants, 0) <> 1 or not (coalesce(l.filled, 0) = g.amount
        or (coalesce(l.filled, 0) = 0 and g.state in ('SCHEDULED', 'EXPIRED'))))`,
  },
  {
    code: "LB11",
    scope: "users",
    says: "A lot is open as long as something is left in it, and has nothing left otherwise.",
    sql: `select grant_id as row_id, if(remaining > 0, 'OPEN', 'not OPEN') as expected, state as found
      from quota_grants where {user_id} and (state not in ('OPEN', 'SCHEDULED', 'EXHAUSTED', 'EXPIRED')
        or (remaining > 0) <> (state = 'OPEN'))`,
  },
  {
    code: "LB12",
    scope: "users",
    says: "A lot has expired when its log says so, after the last quota that came into it.",
    sql: `select g.grant_id as row_id, if(l.last_end > l.last_in, 'EXPIRED', 'not EXPIRED') as expected,
        g.state as found
      from quota_grants g join ${BY_LOT} l on l.user_id = g.user_id and l.grant_id = g.grant_id
      where {g.user_id} and (l.last_end > l.last_in) <> (g.state = 'EXPIRED')`,
  },
  {
    code: "LB13",
    scope: "users",
    says: "A movement is of a lot of the same user, or of none and moves nothing.",
    sql: `select concat(l.operation_id, '/', l.line) as row_id, 'a lot of the user' as expected,
        coalesce(l.grant_id, concat(l.available_change, ' and ', l.held_change, ' held, of no lot')) as found
      from quota_logs l left join quota_grants g on g.user_id = l.user_id and g.grant_id = l.grant_id
      where {l.user_id} and g.grant_id is null
        and (l.grant_id is not null or l.available_change <> 0 or l.held_change <> 0)`,
  },
  {
    code: "LB14",
    scope: "users",
    says: "A lot from an adjustment is what two people agreed on, for this user and this amount.",
    sql: `select g.grant_id as row_id, concat(g.amount, ' by ', g.source_id) as expected,
        coalesce(concat(a.state, ' ', a.kind, ', ', coalesce(a.amount, 0), ' for ', coalesce(a.user_id, 'nobody')),
          'no such approval') as found
      from quota_grants g left join approvals a on a.approval_id = g.source_id
      where {g.user_id} and g.source_kind = 'ADJUSTMENT' and (a.approval_id is null or a.state <> 'APPROVED'
        or a.kind <> 'QUOTA_ADJUSTMENT' or not (a.user_id <=> g.user_id) or not (a.amount <=> g.amount))`,
  },
  {
    code: "LB15",
    scope: "users",
    says: "Whoever was registered has the trial's lot, once.",
    sql: `select m.user_id as row_id, 1 as expected, count(g.grant_id) as found
      from membership_transitions m
      left join quota_grants g on g.user_id = m.user_id and g.source_kind = 'TRIAL'
        and g.source_id = m.user_id
      where {m.user_id} and m.sequence = 1 and m.event = 'REGISTERED'
      group by m.user_id having count(g.grant_id) <> 1`,
  },
  {
    code: "LB16",
    scope: "users",
    says: "A lot from an order is of an order that the same user has paid.",
    sql: `select g.grant_id as row_id, concat('paid by ', g.user_id) as expected,
        coalesce(concat(o.state, ' of ', o.user_id), 'no such order') as found
      from quota_grants g left join orders o on o.order_id = ${BEGIN_OF_SOURCE}
      where {g.user_id} and g.source_kind = 'ORDER'
        and (o.order_id is null or o.payment_id is null or o.user_id <> g.user_id)`,
  },
  {
    code: "LB17",
    scope: "users",
    says: "A lot from a campaign is of a redemption that the same user made, with its amount.",
    sql: `select g.grant_id as row_id, g.amount as expected, coalesce(r.amount, 'no redemption') as found
      from quota_grants g left join campaign_redemptions r on r.campaign_id = ${BEGIN_OF_SOURCE}
        and r.user_id = g.user_id and r.grant_id = g.grant_id
      where {g.user_id} and g.source_kind = 'CAMPAIGN' and not (r.amount <=> g.amount)`,
  },
];
