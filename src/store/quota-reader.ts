/** Reads of quota outside of the teller: as committed, nothing locked, each by an index. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { FeatureId, UserId } from "../billing/id.ts";
import { balanceOf } from "../billing/quota/account.ts";
import type { Desk } from "../billing/quota/desk.ts";
import { byDrawOrder } from "../billing/quota/lot.ts";
import { dueLots, post } from "../billing/quota/posting.ts";
import type { QuotaReader } from "../billing/quota/reader.ts";
import { readFeature } from "./catalog-rows.ts";
import type { Row } from "./cell.ts";
import { readLot } from "./grant-rows.ts";
import type { BatchContext } from "./quota-batch.ts";
import { loadAccount, readMoment } from "./quota-facts.ts";
import { createQuotaLists } from "./quota-lists.ts";
import { readReservation } from "./reservation-rows.ts";
import { listSql, literal } from "./sql.ts";
import { reading } from "./transaction.ts";

/** Two owners are enough to know that a task id is ambiguous. */
const TASK_OWNERS_ENOUGH = 2;

/** Who looks: a look is nobody's command. */
const NOBODY = { name: "billing-guard" };

export function createQuotaReader(orm: MikroORM, context: BatchContext): QuotaReader {
  const rows = (sql: string): Promise<Row[]> => reading(orm, (em) => em.execute<Row[]>(sql));

  const openDesk = (userId: UserId, featureId?: FeatureId): Promise<Desk | undefined> =>
    reading(orm, async (em) => {
      const { nowMs, revision } = await readMoment(em, context);
      const catalog = await context.catalogAt(em, revision);
      const account = await loadAccount(em, userId, featureId, catalog.features, nowMs);
      if (account === undefined) return undefined;
      post(account, dueLots(account, nowMs), nowMs);
      const { refundWindowMs, ids } = context;
      const newId = (prefix: string) => ids.next(prefix, nowMs, userId);
      return { nowMs, account, ...catalog, refundWindowMs, source: undefined, campaign: undefined, caller: NOBODY, newId };
    });

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
    async findKeyOwner(method, idempotencyKey) {
      const [row] = await rows(
        `select user_id from quota_logs where idempotency_key = ${literal(idempotencyKey)} and method = ${literal(method)}`,
      );
      return row && (row["user_id"] as UserId);
    },
    async findBalance(userId) {
      const desk = await openDesk(userId);
      return desk && balanceOf(desk.account, desk.nowMs);
    },
    ...createQuotaLists(rows),
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
