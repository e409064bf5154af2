/** Rules of campaigns' budgets, and of the events that are owed to others. */
import type { LedgerRule } from "./ledger-rule.ts";

export const CAMPAIGN_RULES: readonly LedgerRule[] = [
  {
    code: "LB48",
    scope: "campaigns",
    says: "What a campaign has given away is the sum of its redemptions.",
    sql: `select b.campaign_id as row_id, coalesce(r.total, 0) as expected, b.spent_amount as found
      from campaign_budgets b left join (select campaign_id, sum(amount) as total from campaign_redemptions
        where {campaign_id} group by campaign_id) r on r.campaign_id = b.campaign_id
      where {b.campaign_id} and b.spent_amount <> coalesce(r.total, 0)`,
  },
  {
    code: "LB49",
    scope: "campaigns",
    says: "No campaign has given away more than the largest budget that it ever had.",
    sql: `select b.campaign_id as row_id, concat('at most ', coalesce(max(c.budget_amount), 0)) as expected,
        b.spent_amount as found
      from campaign_budgets b left join campaigns c on c.campaign_id = b.campaign_id
      where {b.campaign_id} group by b.campaign_id, b.spent_amount
      having b.spent_amount > coalesce(max(c.budget_amount), 0)`,
  },
  {
    code: "LB50",
    scope: "campaigns",
    says: "A user's redemptions of a campaign are numbered from 1 without a gap, and the campaign is known.",
    sql: `select concat(r.campaign_id, ' ', r.user_id) as row_id, count(*) as expected,
        if(max(b.campaign_id) is null, 'no such campaign', max(r.number)) as found
      from campaign_redemptions r left join campaign_budgets b on b.campaign_id = r.campaign_id
      where {r.campaign_id} group by r.campaign_id, r.user_id
      having max(r.number) <> count(*) or max(b.campaign_id) is null`,
  },
  {
    code: "LB51",
    scope: "campaigns",
    says: "Each redemption has given its lot, to the same user and with its amount.",
    sql: `select concat(r.campaign_id, ' ', r.user_id, ' ', r.number) as row_id, r.amount as expected,
        coalesce(g.amount, 'no lot') as found
      from campaign_redemptions r left join quota_grants g on g.user_id = r.user_id
        and g.grant_id = r.grant_id and g.source_kind = 'CAMPAIGN'
      where {r.campaign_id} and not (g.amount <=> r.amount)`,
  },
];

export const EVENT_RULES: readonly LedgerRule[] = [
  {
    code: "LB52",
    scope: "events",
    says: "What is owed to a receiver is an event that is there, and what has ended says when.",
    sql: `select concat(d.event_id, ' ', d.endpoint) as row_id, 'an event, and a time of its end' as expected,
        case when e.event_id is null then 'no such event'
          else concat(d.state, if(d.end_time is null, ' without an end', ' with an end')) end as found
      from webhook_deliveries d left join outbox_events e on e.event_id = d.event_id
      where {d.event_id} and (e.event_id is null
        or (d.state in ('DELIVERED', 'DEAD') and d.end_time is null))`,
  },
];
