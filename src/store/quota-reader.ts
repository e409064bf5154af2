/** Reads of quota outside of the teller: as committed, nothing locked, each by an index. */
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type { FeatureId, IdSource, OperationId, UserId } from "../billing/id.ts";
import { balanceOf } from "../billing/quota/account.ts";
import type { Desk } from "../billing/quota/desk.ts";
import { byDrawOrder } from "../billing/quota/lot.ts";
import { dueLots, post, type LogType } from "../billing/quota/posting.ts";
import type { LoggedRow, LogFilter, QuotaReader, ReservationFilter } from "../billing/quota/reader.ts";
import { readFeature } from "./catalog-rows.ts";
import type { BatchContext } from "./quota-batch.ts";
import { loadAccount, readMoment } from "./quota-facts.ts";
import { timeText, toBigInt, toMs, type Row } from "./cell.ts";
import { readLot } from "./grant-rows.ts";
import { readReservation } from "./reservation-rows.ts";
import { readLoggedRow } from "./ledger-rows.ts";
import { listSql, literal } from "./sql.ts";

/** Two owners are enough to know that a task id is ambiguous. */
const TASK_OWNERS_ENOUGH = 2;

export function createQuotaReader(orm: MikroORM, context: BatchContext): QuotaReader {
  const fork = (): EntityManager => orm.em.fork({ clear: true, useContext: false });
  const rows = (sql: string): Promise<Row[]> => fork().execute<Row[]>(sql);

  const openDesk = async (userId: UserId, featureId?: FeatureId): Promise<Desk | undefined> => {
    const em = fork();
    const { nowMs, revision } = await readMoment(em, context);
    const { features, trialPlan } = await context.catalogAt(em, revision);
    const account = await loadAccount(em, userId, featureId, features, nowMs);
    if (account === undefined) return undefined;
    post(account, dueLots(account, nowMs), nowMs);
    const { refundWindowMs, ids } = context;
    const newId = (prefix: string) => ids.next(prefix, nowMs, userId);
    return { nowMs, account, features, trialPlan, refundWindowMs, source: undefined, newId };
  };

  return {
    openDesk,
    async findReservation(id) {
      const [row] = await rows(
        `select * from quota_reservations where reservation_id = ${literal(id)}`,
      );
      return row && readReservation(row);
    },
    async findTaskOwners(taskId) {
      const found = await rows(
        `select distinct user_id from quota_reservations where task_id = ${literal(taskId)} limit ${TASK_OWNERS_ENOUGH}`,
      );
      return found.map((row) => row["user_id"] as UserId);
    },
    async findBalance(userId) {
      const desk = await openDesk(userId);
      return desk && balanceOf(desk.account, desk.nowMs);
    },
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
      if (after) conditions.push(`sequence < ${after.sequence}`);
      const found = await rows(
        `select * from quota_logs where ${conditions.join(" and ")} order by sequence desc limit ${limit}`,
      );
      return found.map(readLoggedRow);
    },
    async findFeatureVersion(featureId, version) {
      const [row] = await rows(
        `select * from features where feature_id = ${literal(featureId)} and version = ${literal(version)}`,
      );
      return row && readFeature(row);
    },
    async findGrants(userId, grantIds) {
      if (grantIds.length === 0) return [];
      const found = await rows(
        `select * from quota_grants where user_id = ${literal(userId)} and grant_id in (${listSql(grantIds)})`,
      );
      return found.map(readLot).sort(byDrawOrder);
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
