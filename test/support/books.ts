import { LEDGER_RULES } from "../../src/store/ledger-check.ts";
import { ruleSql } from "../../src/store/ledger-rule.ts";
/** The books, recomputed by plain SQL: what must agree whatever happened, and the rows that don't. */
/** What the log says of each reservation. */
const BY_RESERVATION = `(
  select user_id, reservation_id, sum(available_change) as available, sum(held_change) as held,
    sum(type = 'RESERVE') as reserves, sum(type = 'REFUND') as refunds,
    count(distinct if(type = 'COMMIT', operation_id, null)) as commits,
    count(distinct if(type = 'EXPIRE_HOLD', operation_id, null)) as expiries
  from quota_logs where reservation_id is not null group by user_id, reservation_id)`;

/** Each names the rows that break a rule of the books; no rows, no fault. */
const RULES: Readonly<Record<string, string>> = {
  "a balance is the sum of what is left in the open lots": `
    select u.user_id from users u left join (
      select user_id, sum(remaining) as total from quota_grants
      where state = 'OPEN' group by user_id
    ) g on g.user_id = u.user_id
    where u.quota_remaining <> coalesce(g.total, 0)`,
  "what is held is the sum of the open holds": `
    select u.user_id from users u left join (
      select user_id, sum(amount) as total from quota_reservations
      where state = 'HELD' group by user_id
    ) r on r.user_id = u.user_id
    where u.quota_held <> coalesce(r.total, 0)`,
  "nothing is below zero": `
    select user_id from users where quota_remaining < 0 or quota_held < 0
    union all select user_id from quota_grants where remaining < 0 or remaining > amount`,
  "a user's log adds up to the balances": `
    select u.user_id from users u left join (
      select user_id, sum(available_change) as available, sum(held_change) as held
      from quota_logs group by user_id
    ) l on l.user_id = u.user_id
    where u.quota_remaining <> coalesce(l.available, 0) or u.quota_held <> coalesce(l.held, 0)`,
  "a lot's log adds up to what is left in it": `
    select g.user_id from quota_grants g left join (
      select user_id, grant_id, sum(available_change) as total from quota_logs
      group by user_id, grant_id
    ) l on l.user_id = g.user_id and l.grant_id = g.grant_id
    where g.remaining <> coalesce(l.total, 0)`,
  "a reservation's log adds up to what it holds and what it cost": `
    select r.user_id from quota_reservations r left join ${BY_RESERVATION} l
      on l.reservation_id = r.reservation_id and l.user_id = r.user_id
    where coalesce(l.held, 0) <> if(r.state = 'HELD', r.amount, 0)
      or -coalesce(l.available, 0) <> if(r.state = 'HELD', r.amount, r.committed_amount)`,
  "a reservation has the movements of its state, and each once": `
    select r.user_id from quota_reservations r left join ${BY_RESERVATION} l
      on l.reservation_id = r.reservation_id and l.user_id = r.user_id
    where coalesce(l.reserves, 0) < 1 or l.commits > 1 or l.expiries > 1
      or (l.refunds > 0) <> (r.state = 'REFUNDED')
      or l.commits < (r.state = 'COMMITTED') or l.expiries < (r.state = 'EXPIRED')`,
  "a settled reservation is spent or given back, to the unit": `
    select user_id from quota_reservations
    where state <> 'HELD' and committed_amount + refunded_amount <> amount`,
  "a log has no gap": `
    select u.user_id from users u left join (
      select user_id, count(*) as total, max(sequence) as last from quota_logs group by user_id
    ) l on l.user_id = u.user_id
    where coalesce(l.total, 0) <> u.log_sequence or coalesce(l.last, 0) <> u.log_sequence`,
  "each row of a log follows from the one before": `
    select b.user_id from quota_logs b
    join quota_logs a on a.user_id = b.user_id and a.sequence = b.sequence - 1
    where b.available_after <> a.available_after + b.available_change
      or b.held_after <> a.held_after + b.held_change`,
  "a reservation is refunded at most once": `
    select user_id from quota_logs where type in ('REFUND', 'EXPIRE_HOLD') and grant_id is not null
    group by user_id, reservation_id, type, grant_id having count(*) > 1`,
  "a movement belongs to an operation": `
    select l.user_id from quota_logs l
    left join quota_logs f on f.operation_id = l.operation_id and f.line = 1
    where f.user_id is null or f.user_id <> l.user_id or f.content is null or f.answer is null`,
  "a movement's row says what was left in its lot": `
    select user_id from (
      select user_id, grant_remaining_after, grant_id,
        sum(available_change) over (partition by user_id, grant_id order by sequence) as total
      from quota_logs where grant_id is not null
    ) l
    where grant_remaining_after <> total`,
  "the lines of an operation are numbered without a gap, and only the first bears its proof": `
    select max(user_id) as user_id from quota_logs group by operation_id
    having min(line) <> 1 or max(line) <> count(*) or sum(content is not null) <> 1
      or count(distinct user_id) <> 1 or count(distinct method) <> 1`,
  "a key is used once for a method": `
    select max(user_id) as user_id from (
      select user_id, method, idempotency_key from quota_logs where idempotency_key is not null
      union all
      select user_id, method, idempotency_key from operations where idempotency_key is not null
    ) k
    group by method, idempotency_key having count(*) > 1`,
  "a movement names a lot and a reservation of its user": `
    select l.user_id from quota_logs l
    left join quota_grants g on g.user_id = l.user_id and g.grant_id = l.grant_id
    left join quota_reservations r on r.reservation_id = l.reservation_id
    where (l.grant_id is not null and g.grant_id is null)
      or (l.reservation_id is not null and coalesce(r.user_id, '') <> l.user_id)`,
  "a lot is granted once": `
    select g.user_id from quota_grants g left join (
      select user_id, grant_id, count(*) as times from quota_logs where type = 'GRANT'
      group by user_id, grant_id
    ) l on l.user_id = g.user_id and l.grant_id = g.grant_id
    where coalesce(l.times, 0) <> 1`,
  "whoever has rows is a user": `
    select x.user_id from (
      select user_id from quota_grants union select user_id from quota_reservations
      union select user_id from quota_logs
    ) x
    left join users u on u.user_id = x.user_id where u.user_id is null`,
  "no hold expires before its time": `
    select l.user_id from quota_logs l
    join quota_reservations r on r.reservation_id = l.reservation_id
    where l.type = 'EXPIRE_HOLD' and l.create_time < r.expire_time`,
  "an hourly maximum is kept": `
    select user_id from (
      select r.user_id, f.max_per_hour, sum(r.quantity) over (
        partition by r.user_id, r.feature_id
        order by cast(unix_timestamp(r.create_time) * 1000 as signed)
        range between 3599999 preceding and current row) as uses
      from quota_reservations r
      join features f on f.feature_id = r.feature_id and f.version = r.feature_version
      where f.limited and f.max_per_hour > 0 and r.counts_for_limits
    ) w
    where uses > max_per_hour`,
  "a cooldown is kept": `
    select user_id from (
      select r.user_id, f.cooldown_seconds, timestampdiff(microsecond, lag(r.create_time) over (
        partition by r.user_id, r.feature_id order by r.create_time), r.create_time) as pause
      from quota_reservations r
      join features f on f.feature_id = r.feature_id and f.version = r.feature_version
      where f.limited and f.cooldown_seconds > 0 and r.counts_for_limits
    ) w
    where pause < cooldown_seconds * 1000000`,
  "a campaign has spent what was redeemed": `
    select b.campaign_id as user_id from campaign_budgets b left join (
      select campaign_id, sum(amount) as total from campaign_redemptions group by campaign_id
    ) r on r.campaign_id = b.campaign_id
    where b.spent_amount <> coalesce(r.total, 0)`,
  "a campaign gives no more than its budget, and no user more often than it allows": `
    select c.user_id from (
      select campaign_id, max(budget_amount) as budget, max(per_user_limit) as times
      from campaigns where state <> 'DRAFT' group by campaign_id
    ) v right join (
      select campaign_id, campaign_id as user_id, sum(amount) as given, 0 as times
      from campaign_redemptions group by campaign_id
      union all
      select campaign_id, user_id, 0, count(*) from campaign_redemptions group by campaign_id, user_id
    ) c on c.campaign_id = v.campaign_id
    where v.campaign_id is null or c.given > v.budget or c.times > v.times`,
  "a redemption and its lot are one": `
    select coalesce(r.user_id, g.user_id) as user_id from campaign_redemptions r
    left join quota_grants g on g.user_id = r.user_id and g.grant_id = r.grant_id
    where g.grant_id is null or g.amount <> r.amount or g.source_kind <> 'CAMPAIGN'
      or g.source_id <> if(r.number = 1, r.campaign_id, concat(r.campaign_id, ':', r.number))
    union all
    select g.user_id from quota_grants g
    left join campaign_redemptions r on r.user_id = g.user_id and r.grant_id = g.grant_id
    where g.source_kind = 'CAMPAIGN' and r.grant_id is null`,
  "no registration is half done": `
    select user_id from users where state = 'NEW' or plan_id is null`,
};

type RunSql = (text: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * The rules that are broken, each with some of the users concerned; and those of the service's own check of
 * its ledgers, which must have nothing to say against any books that are right.
 */
export async function bookFaults(sql: RunSql): Promise<string[]> {
  const faults: string[] = [];
  for (const [rule, query] of Object.entries(RULES)) {
    const users = (await sql(`${query} limit 5`)).map((row) => row["user_id"]);
    if (users.length > 0) faults.push(`${rule}: not so for ${users.join(", ")}`);
  }
  for (const rule of LEDGER_RULES) {
    const rows = await sql(ruleSql(rule, { after: "", last: null }, 3));
    if (rows.length > 0) faults.push(`${rule.code}: ${JSON.stringify(rows)}`);
  }
  return faults;
}
