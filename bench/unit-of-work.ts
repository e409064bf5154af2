/**
 * A reservation by the letter of the specification: BEGIN, SELECT … FOR UPDATE, check, UPDATE,
 * INSERT the log, COMMIT; one transaction a request, written as a MikroORM unit of work on the same
 * tables. It does what a straightforward service would do well: the feature is read once and kept,
 * the log's own unique index proves the key, and nothing is read or written that the books don't
 * need.
 */
import { LockMode, type InferEntity } from "@mikro-orm/core";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { createIdSource, type UserId } from "../src/billing/id.ts";
import { Reservation_State } from "../src/gen/billing/quota/v1/quota.ts";
import type {
  ReserveQuotaRequest,
  ReserveQuotaResponse,
} from "../src/gen/billing/quota/v1/quota_service.ts";
import {
  FeatureTable,
  GrantTable,
  LogTable,
  ReservationTable,
  UserTable,
} from "../src/store/tables.ts";
import { FEATURE_ID } from "./books.ts";
import type { Reserve } from "./plain-server.ts";

const METHOD = "ReserveQuota";
const CALLER = "bench";
const COST = 1n;

type User = InferEntity<typeof UserTable>;
type Grant = InferEntity<typeof GrantTable>;
type Feature = InferEntity<typeof FeatureTable>;

/** What is posted: who holds how much of which lot, from when to when. */
interface Posting {
  readonly request: ReserveQuotaRequest;
  readonly feature: Feature;
  readonly user: User;
  readonly grant: Grant;
  readonly reservationId: string;
  readonly operationId: string;
  readonly now: Date;
  readonly expireTime: Date;
}

export async function createReserve(orm: MikroORM): Promise<Reserve> {
  const ids = createIdSource(Math.random);
  const features = { featureId: FEATURE_ID, state: "PUBLISHED" };
  const feature = await orm.em.fork().findOneOrFail(FeatureTable, features);
  const post = async (em: EntityManager, request: ReserveQuotaRequest) => {
    const { user, grant } = await takeQuota(em, request);
    const now = new Date();
    const owner = request.userId as UserId;
    const posting: Posting = {
      request,
      feature,
      user,
      grant,
      reservationId: ids.next("rsv", now.getTime(), owner),
      operationId: ids.next("op", now.getTime(), owner),
      now,
      expireTime: new Date(now.getTime() + Number(request.ttl?.seconds ?? 0n) * 1_000),
    };
    const response = responseOf(posting);
    addReservation(em, posting);
    addLog(em, posting);
    return response;
  };
  return (request) =>
    orm.em
      .fork({ clear: true, useContext: false })
      .transactional((em) => post(em as EntityManager, request));
}

/** Locks the user's row, checks all there is to check, and takes the quota. */
async function takeQuota(em: EntityManager, { userId, idempotencyKey }: ReserveQuotaRequest) {
  const user = await em.findOneOrFail(
    UserTable,
    { userId },
    { lockMode: LockMode.PESSIMISTIC_WRITE },
  );
  const known = await em.findOne(LogTable, { idempotencyKey, method: METHOD });
  if (known !== null) throw new Error("the key was used before: this bench repeats none");
  const isMember = (user.membershipUntil?.getTime() ?? 0) > Date.now();
  if (user.state !== "ACTIVE" || !isMember) throw new Error(`${userId} is no active member`);
  const grants = await em.find(
    GrantTable,
    { userId, state: "OPEN" },
    { orderBy: { priority: "asc", expireTime: "asc" } },
  );
  const grant = grants.find(({ remaining }) => remaining >= COST);
  if (grant === undefined) throw new Error(`${userId} has not enough quota`);
  grant.remaining -= COST;
  user.quotaRemaining -= COST;
  user.quotaHeld += COST;
  user.logSequence += 1n;
  return { user, grant };
}

function addReservation(em: EntityManager, posting: Posting): void {
  const { request, feature, user, grant, reservationId, now, expireTime } = posting;
  em.create(ReservationTable, {
    reservationId,
    userId: request.userId,
    featureId: request.featureId,
    featureVersion: feature.version,
    taskId: request.taskId,
    quantity: 1,
    unitCost: COST,
    amount: COST,
    committedAmount: 0n,
    refundedAmount: 0n,
    state: "HELD",
    eligibleForRefund: true,
    refunded: false,
    allocations: JSON.stringify([[grant.grantId, Number(COST)]]),
    labels: "{}",
    countsForLimits: true,
    decision: JSON.stringify([Number(user.quotaRemaining), user.membershipUntil?.getTime()]),
    createTime: now,
    expireTime,
    commitTime: null,
    refundTime: null,
    refundReason: null,
    failedStep: "",
    refundDetail: "",
  });
}

function addLog(em: EntityManager, posting: Posting): void {
  const { request, user, grant, reservationId, operationId, now, expireTime } = posting;
  const amounts = [Number(user.quotaRemaining), Number(user.quotaHeld)];
  const balance = [...amounts, grant.expireTime?.getTime()];
  em.create(LogTable, {
    operationId,
    line: 1,
    userId: request.userId,
    sequence: user.logSequence,
    type: "RESERVE",
    grantId: grant.grantId,
    reservationId,
    availableChange: -COST,
    heldChange: COST,
    availableAfter: user.quotaRemaining,
    heldAfter: user.quotaHeld,
    grantRemainingAfter: grant.remaining,
    description: `task ${request.taskId}`,
    method: METHOD,
    caller: CALLER,
    idempotencyKey: request.idempotencyKey,
    content: JSON.stringify([request.userId, request.featureId, request.taskId, "1"]),
    answer: JSON.stringify([[reservationId, expireTime.getTime(), grant.grantId], balance]),
    createTime: now,
  });
}

function responseOf({ request, feature, user, grant, ...posting }: Posting): ReserveQuotaResponse {
  const { userId, featureId, taskId } = request;
  const nextExpireTime = grant.expireTime ?? undefined;
  return {
    reservation: {
      reservationId: posting.reservationId,
      userId,
      featureId,
      taskId,
      quantity: 1,
      amount: COST,
      committedAmount: 0n,
      refundedAmount: 0n,
      state: Reservation_State.HELD,
      eligibleForRefund: true,
      allocations: [{ grantId: grant.grantId, amount: COST }],
      featureVersion: feature.version,
      unitCost: COST,
      labels: new Map(),
      createTime: posting.now,
      expireTime: posting.expireTime,
      commitTime: undefined,
      refundTime: undefined,
      refundReason: "",
      failedStep: "",
      refundDetail: "",
    },
    balance: {
      userId,
      available: user.quotaRemaining,
      held: user.quotaHeld,
      nextExpireTime,
      nextExpireAmount: grant.remaining,
    },
    replayed: false,
  };
}
