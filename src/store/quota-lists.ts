/** Lists of quota, page by page after a key: no page is slower than the one before. */
import type { LogFilter, QuotaReader, ReservationFilter } from "../billing/quota/reader.ts";
import { timeText, type Row } from "./cell.ts";
import { readLot } from "./grant-rows.ts";
import { readLoggedRow } from "./ledger-rows.ts";
import { readReservation } from "./reservation-rows.ts";
import { literal } from "./sql.ts";

type Lists = Pick<QuotaReader, "listReservations" | "listGrants" | "listLogs">;

/** @param rows runs a query on a connection that no transaction uses */
export function createQuotaLists(rows: (sql: string) => Promise<Row[]>): Lists {
  return {
    async listReservations(filter, { after, limit }) {
      const isOfOpenHolds = filter.userId === null && filter.taskId === null;
      const conditions = reservationConditions(filter);
      if (after && isOfOpenHolds) {
        const end = literal(timeText(after.expireTimeMs));
        const id = literal(after.reservationId);
        conditions.push(`expire_time >= ${end}`, `(expire_time > ${end} or reservation_id > ${id})`);
      } else if (after) {
        conditions.push(`reservation_id < ${literal(after.reservationId)}`);
      }
      const order = isOfOpenHolds ? "expire_time, reservation_id" : "reservation_id desc";
      const found = await rows(
        `select * from quota_reservations where ${conditions.join(" and ")} order by ${order} limit ${limit}`,
      );
      return found.map(readReservation);
    },
    async listGrants({ userId, includeClosed }, { after, limit }) {
      const conditions = [`user_id = ${literal(userId)}`];
      if (!includeClosed) conditions.push("state in ('OPEN','SCHEDULED')");
      if (after) conditions.push(`grant_id < ${literal(after.grantId)}`);
      const found = await rows(
        `select * from quota_grants where ${conditions.join(" and ")} order by grant_id desc limit ${limit}`,
      );
      return found.map(readLot);
    },
    async listLogs(filter, { after, limit }) {
      const conditions = logConditions(filter);
      const newestFirst = filter.order === "NEWEST_FIRST";
      if (after) conditions.push(`sequence ${newestFirst ? "<" : ">"} ${after.sequence}`);
      const found = await rows(
        `select * from quota_logs where ${conditions.join(" and ")} order by sequence ${newestFirst ? "desc" : "asc"} limit ${limit}`,
      );
      return found.map(readLoggedRow);
    },
  };
}

/** Without a user or a task the list is of open holds: no other is bounded by an index. */
function reservationConditions(filter: ReservationFilter): string[] {
  const { userId, taskId, featureId, state, minAgeMs } = filter;
  const conditions: string[] = [];
  if (userId !== null) conditions.push(`user_id = ${literal(userId)}`);
  if (taskId !== null) conditions.push(`task_id = ${literal(taskId)}`);
  if (featureId !== null) conditions.push(`feature_id = ${literal(featureId)}`);
  const isOfOpenHolds = userId === null && taskId === null;
  const wanted = isOfOpenHolds ? "HELD" : state;
  if (wanted !== null) conditions.push(`state = ${literal(wanted)}`);
  if (minAgeMs > 0) {
    conditions.push(`create_time <= utc_timestamp(3) - interval ${minAgeMs * 1000} microsecond`);
  }
  return conditions;
}

function logConditions(filter: LogFilter): string[] {
  const conditions = [`user_id = ${literal(filter.userId)}`];
  if (filter.reservationId !== null) {
    conditions.push(`reservation_id = ${literal(filter.reservationId)}`);
  }
  if (filter.type !== null) conditions.push(`type = ${literal(filter.type)}`);
  if (filter.startTimeMs !== null) {
    conditions.push(`create_time >= ${literal(timeText(filter.startTimeMs))}`);
  }
  if (filter.endTimeMs !== null) {
    conditions.push(`create_time < ${literal(timeText(filter.endTimeMs))}`);
  }
  return conditions;
}
