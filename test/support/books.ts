/** The books, recomputed by plain SQL: what must agree whatever happened, and the rows that don't. */
import type { Row } from "../../src/store/cell.ts";

/** Each names the rows that break a rule of the books; no rows, no fault. */
const RULES: Readonly<Record<string, string>> = {
  "a balance is the sum of what is left in the open lots": `
    select u.user_id from users u left join quota_grants g on g.user_id = u.user_id and g.state = 'OPEN'
    group by u.user_id, u.quota_remaining having u.quota_remaining <> coalesce(sum(g.remaining), 0)`,
  "what is held is the sum of the open holds": `
    select u.user_id from users u left join quota_reservations r on r.user_id = u.user_id and r.state = 'HELD'
    group by u.user_id, u.quota_held having u.quota_held <> coalesce(sum(r.amount), 0)`,
  "nothing is below zero": `
    select user_id from users where quota_remaining < 0 or quota_held < 0
    union all select user_id from quota_grants where remaining < 0 or remaining > amount`,
  "a user's log adds up to the balances": `
    select u.user_id from users u left join quota_logs l on l.user_id = u.user_id
    group by u.user_id, u.quota_remaining, u.quota_held
    having u.quota_remaining <> coalesce(sum(l.available_change), 0)
      or u.quota_held <> coalesce(sum(l.held_change), 0)`,
  "a lot's log adds up to what is left in it": `
    select g.user_id from quota_grants g left join quota_logs l on l.user_id = g.user_id and l.grant_id = g.grant_id
    group by g.user_id, g.grant_id, g.remaining
    having g.remaining <> coalesce(sum(l.available_change), 0)`,
  "a reservation's log adds up to what it holds": `
    select r.user_id from quota_reservations r left join quota_logs l on l.user_id = r.user_id and l.reservation_id = r.reservation_id
    group by r.user_id, r.reservation_id, r.state, r.amount
    having coalesce(sum(l.held_change), 0) <> if(r.state = 'HELD', r.amount, 0)`,
  "a reservation's log adds up to what it cost": `
    select r.user_id from quota_reservations r left join quota_logs l on l.user_id = r.user_id and l.reservation_id = r.reservation_id
    group by r.user_id, r.reservation_id, r.state, r.amount, r.committed_amount
    having -coalesce(sum(l.available_change), 0) <> if(r.state = 'HELD', r.amount, r.committed_amount)`,
  "a settled reservation is spent or given back, to the unit": `
    select user_id from quota_reservations
    where state <> 'HELD' and committed_amount + refunded_amount <> amount`,
  "a log has no gap": `
    select u.user_id from users u left join quota_logs l on l.user_id = u.user_id
    group by u.user_id, u.log_sequence
    having count(l.sequence) <> u.log_sequence or coalesce(max(l.sequence), 0) <> u.log_sequence`,
  "each row of a log follows from the one before": `
    select b.user_id from quota_logs b join quota_logs a on a.user_id = b.user_id and a.sequence = b.sequence - 1
    where b.available_after <> a.available_after + b.available_change
      or b.held_after <> a.held_after + b.held_change`,
  "a reservation is refunded at most once": `
    select user_id from quota_logs where type in ('REFUND', 'EXPIRE_HOLD') and grant_id is not null
    group by user_id, reservation_id, type, grant_id having count(*) > 1`,
  "a movement belongs to an operation": `
    select l.user_id from quota_logs l
    left join quota_logs f on f.operation_id = l.operation_id and f.line = 1
    where f.user_id is null or f.user_id <> l.user_id or f.content is null or f.answer is null`,
  "no registration is half done": "select user_id from users where state = 'NEW' or plan_id is null",
};

/** The rules that are broken, each with some of the users concerned. */
export async function bookFaults(sql: (text: string) => Promise<Row[]>): Promise<string[]> {
  const faults: string[] = [];
  for (const [rule, query] of Object.entries(RULES)) {
    const users = (await sql(`${query} limit 5`)).map((row) => row["user_id"]);
    if (users.length > 0) faults.push(`${rule}: not so for ${users.join(", ")}`);
  }
  return faults;
}
