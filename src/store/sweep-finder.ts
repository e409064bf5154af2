/** Finds what time has ended: holds that nobody settled, and lots to open or to close. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { ReservationId, UserId } from "../billing/id.ts";
import { readMoment, type DecisionTime } from "./quota-facts.ts";
import { timeText, toMs, type Row } from "./cell.ts";
import { literal } from "./sql.ts";

export interface OverdueHold {
  readonly userId: UserId;
  readonly reservationId: ReservationId;
  readonly expireTimeMs: number;
}

export interface SweepFinder {
  /** Open holds whose time is over, the longest overdue first, after the given one. */
  overdueHolds(after: OverdueHold | null, limit: number): Promise<OverdueHold[]>;
  /** Users who have lots to be opened or closed. */
  usersWithDueLots(limit: number): Promise<UserId[]>;
  /** How long the most overdue hold has waited, in milliseconds; 0 when none waits. */
  lagMs(): Promise<number>;
}

export function createSweepFinder(orm: MikroORM, context: DecisionTime): SweepFinder {
  const fork = () => orm.em.fork({ clear: true, useContext: false });
  const overdueHolds: SweepFinder["overdueHolds"] = async (after, limit) => {
    const em = fork();
    const { nowMs } = await readMoment(em, context);
    const from = after === null ? "" : afterSql(after);
    const found = await em.execute<Row[]>(
      `select user_id, reservation_id, expire_time from quota_reservations force index (quota_reservations_end)
        where state = 'HELD' and expire_time <= ${literal(timeText(nowMs))}${from}
        order by expire_time, reservation_id limit ${limit}`,
    );
    return found.map((row) => ({
      userId: row["user_id"] as UserId,
      reservationId: row["reservation_id"] as ReservationId,
      expireTimeMs: toMs(row["expire_time"]),
    }));
  };
  return {
    overdueHolds,
    async usersWithDueLots(limit) {
      const em = fork();
      const { nowMs } = await readMoment(em, context);
      const now = literal(timeText(nowMs));
      const found = await em.execute<Row[]>(
        `(select user_id from quota_grants where state = 'OPEN' and expire_time <= ${now} limit ${limit})
          union (select user_id from quota_grants where state = 'SCHEDULED' and effective_time <= ${now} limit ${limit})`,
      );
      return found.map((row) => row["user_id"] as UserId);
    },
    async lagMs() {
      const { nowMs } = await readMoment(fork(), context);
      const [first] = await overdueHolds(null, 1);
      return first === undefined ? 0 : Math.max(0, nowMs - first.expireTimeMs);
    },
  };
}

function afterSql({ expireTimeMs, reservationId }: OverdueHold): string {
  const end = literal(timeText(expireTimeMs));
  return ` and expire_time >= ${end} and (expire_time > ${end} or reservation_id > ${literal(reservationId)})`;
}
