/** Reads of memberships: as committed, nothing locked. The teller changes them. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { MembershipFilter, MembershipReader } from "../billing/membership/books.ts";
import { membershipOf } from "../billing/membership/membership.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { timeText, type Row } from "./cell.ts";
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
    listMemberships: (filter, { after, limit }) =>
      reading(orm, async (em) => {
        const { nowMs } = await readMoment(em, context);
        const conditions = [...conditionsOf(filter, nowMs)];
        if (after !== null) conditions.push(`user_id > ${literal(after.userId)}`);
        const rows = await em.execute<Row[]>(
          `select * from users where ${conditions.join(" and ")} order by user_id limit ${limit}`,
        );
        return rows.map((row) => membershipOf(readUser(row), nowMs));
      }),
  };
}

/** A row in state NEW was made to be locked, and is nobody yet. */
const REGISTERED = "state <> 'NEW'";

function conditionsOf({ state, userState }: MembershipFilter, nowMs: number): string[] {
  const now = literal(timeText(nowMs));
  const conditions = [userState === null ? REGISTERED : `state = ${literal(userState)}`];
  if (state === "LAPSED") conditions.push(`membership_until <= ${now}`);
  else if (state !== null) {
    conditions.push(`membership_until > ${now}`, `on_trial = ${literal(state === "TRIAL")}`);
  }
  return conditions;
}
