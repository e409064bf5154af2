/** Reads of memberships: as committed, nothing locked. The teller changes them. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { MembershipFilter, MembershipReader } from "../billing/membership/books.ts";
import type { UserId } from "../billing/id.ts";
import { membershipOf } from "../billing/membership/membership.ts";
import type { UserState } from "../billing/membership/user.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { msOrNull, timeText, toBigInt, toMs, type Row } from "./cell.ts";
import { readUser } from "./user-rows.ts";
import { literal } from "./sql.ts";
import { reading } from "./transaction.ts";

export function createMembershipReader(orm: MikroORM, context: DecisionTime): MembershipReader {
  return {
    findMembership: (userId) =>
      reading(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const sql = `select * from users where user_id = ${literal(userId)} and ${REGISTERED}`;
        const [row] = await em.execute<Row[]>(sql);
        return row && membershipOf(readUser(row), nowMs);
      }),
    findNextQuota: (userId) =>
      reading(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const now = literal(timeText(nowMs));
        // One user's lots that wait: as many as periods that were bought ahead.
        const rows = await em.execute<Row[]>(
          `select effective_time, min(expire_time) as expire_time, sum(amount) as amount from quota_grants
            where user_id = ${literal(userId)} and state = 'SCHEDULED' and effective_time > ${now}
            group by effective_time order by effective_time limit 1`,
        );
        const [row] = rows;
        return (
          row && {
            amount: toBigInt(row["amount"]),
            startTimeMs: toMs(row["effective_time"]),
            expireTimeMs: msOrNull(row["expire_time"]),
          }
        );
      }),
    listMemberships: (filter, { after, limit }) =>
      reading(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const rows = await em.execute<Row[]>(pageSql(filter, nowMs, after?.userId, limit));
        return rows.map((row) => membershipOf(readUser(row), nowMs));
      }),
  };
}

/** A row in state NEW was made to be locked, and is nobody yet. */
const REGISTERED = "state <> 'NEW'";

/** All states of those who are somebody. */
const STATES: readonly UserState[] = ["ACTIVE", "SUSPENDED"];

/** One state at a time, each by the index that has all that is asked for. */
function pageSql(
  { state, userState }: MembershipFilter,
  nowMs: number,
  after: UserId | undefined,
  limit: number,
): string {
  const conditions = membershipIs(state, nowMs);
  if (after !== undefined) conditions.push(`user_id > ${literal(after)}`);
  const states = userState === null ? STATES : [userState];
  const pages = states.map((one) => {
    const all = [`state = ${literal(one)}`, ...conditions].join(" and ");
    return `(select * from users force index (users_listing) where ${all} order by user_id limit ${limit})`;
  });
  return `${pages.join(" union all ")} order by user_id limit ${limit}`;
}

function membershipIs(state: MembershipFilter["state"], nowMs: number): string[] {
  const now = literal(timeText(nowMs));
  if (state === null) return [];
  if (state === "LAPSED") return [`membership_until <= ${now}`];
  return [`membership_until > ${now}`, `on_trial = ${literal(state === "TRIAL")}`];
}
