/** Finds memberships whose end has come and is not recorded, and those of whose end nobody was told. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { UserId } from "../billing/id.ts";
import { timeText, toMs, type Row } from "./cell.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { literal } from "./sql.ts";

export interface MembershipFinder {
  /** Users whose end has come, the longest ago first. */
  usersToLapse(limit: number): Promise<UserId[]>;
  /** Users whose end comes within that time and who weren't told, the soonest first, after the given one. */
  usersToTell(aheadMs: number, after: EndOfUser | null, limit: number): Promise<EndOfUser[]>;
}

export interface EndOfUser {
  readonly userId: UserId;
  readonly endMs: number;
}

/** States from which a membership lapses. */
const RUNNING = "membership_state in ('TRIAL','ACTIVE')";

export function createMembershipFinder(orm: MikroORM, context: DecisionTime): MembershipFinder {
  const fork = () => orm.em.fork({ clear: true, useContext: false });
  return {
    async usersToLapse(limit) {
      const em = fork();
      const { nowMs } = await readMoment(em, context);
      const found = await em.execute<Row[]>(
        `select user_id from users force index (users_membership)
          where ${RUNNING} and membership_until <= ${literal(timeText(nowMs))}
          order by membership_until, user_id limit ${limit}`,
      );
      return found.map((row) => row["user_id"] as UserId);
    },
    async usersToTell(aheadMs, after, limit) {
      const em = fork();
      const { nowMs } = await readMoment(em, context);
      const from = after === null ? "" : afterSql(after);
      const found = await em.execute<Row[]>(
        `select user_id, membership_until from users force index (users_expiry)
          where expiry_told = 0 and ${RUNNING} and state = 'ACTIVE'
            and membership_until > ${literal(timeText(nowMs))}
            and membership_until <= ${literal(timeText(nowMs + aheadMs))}${from}
          order by membership_until, user_id limit ${limit}`,
      );
      return found.map((row) => ({
        userId: row["user_id"] as UserId,
        endMs: toMs(row["membership_until"]),
      }));
    },
  };
}

function afterSql({ endMs, userId }: EndOfUser): string {
  const end = literal(timeText(endMs));
  return ` and membership_until >= ${end}
            and (membership_until > ${end} or user_id > ${literal(userId)})`;
}
