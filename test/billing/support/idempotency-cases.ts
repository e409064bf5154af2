/** Every mutating method with content that is accepted, and with each of its fields changed. */
import { DAY_MS } from "../../../src/billing/clock.ts";
import type { ReservationId, TaskId } from "../../../src/billing/id.ts";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import { resumeUser, suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import { commitQuota } from "../../../src/billing/quota/commit-quota.ts";
import type { UseCase } from "../../../src/billing/quota/desk.ts";
import { extendReservation } from "../../../src/billing/quota/extend-reservation.ts";
import { grantQuota } from "../../../src/billing/quota/grant-quota.ts";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import { batchReserveQuota, reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { sourceKey } from "../../../src/billing/quota/serve.ts";
import {
  ANN,
  BOB,
  CUT_OUT,
  VIDEO,
  batchInput,
  emptyWorld,
  refundInput,
  register,
  reserve,
  reserveInput,
  worldWithAnn,
} from "./actions.ts";
import type { World } from "./world.ts";

type Changes = Record<string, (input: never) => object>;

export interface Case {
  readonly useCase: UseCase<never, unknown>;
  /** A world in which the input is accepted, and the input. */
  readonly prepare: () => { world: World; input: object };
  /** Under the field that must be named: the input with another value of it. */
  readonly changes: Changes;
}

export const OTHER = "other" as ReservationId & TaskId;
const SOURCE = { kind: "ADJUSTMENT", id: "apr-1" } as const;

function withWorld(makeInput: (world: World) => object) {
  return () => {
    const world = worldWithAnn(20n);
    register(world, BOB);
    return { world, input: makeInput(world) };
  };
}

function theCase<Input extends object, Answer>(
  useCase: UseCase<Input, Answer>,
  prepare: Case["prepare"],
  changes: Record<string, (input: Input) => object>,
): Case {
  return { useCase, prepare, changes };
}

const RESERVE_CHANGES = {
  user_id: (input: object) => ({ ...input, userId: BOB }),
  task_id: (input: object) => ({ ...input, taskId: OTHER }),
  ttl: (input: object) => ({ ...input, ttlMs: 1_000 }),
  labels: (input: object) => ({ ...input, labels: { shop: "2" } }),
};

export const CASES: Record<string, Case> = {
  ReserveQuota: theCase(
    reserveQuota,
    withWorld(() => reserveInput(CUT_OUT, { quantity: 3, labels: { shop: "1", a: "b" } })),
    {
      ...RESERVE_CHANGES,
      feature_id: (input) => ({ ...input, featureId: VIDEO }),
      quantity: (input) => ({ ...input, quantity: 4 }),
    },
  ),
  BatchReserveQuota: theCase(
    batchReserveQuota,
    withWorld(() => batchInput(["cut-out*2", "video", "free"])),
    { ...RESERVE_CHANGES, lines: (input) => ({ ...input, lines: input.lines.slice(1) }) },
  ),
  CommitQuota: theCase(
    commitQuota,
    withWorld((world) => ({ ...reserve(world, VIDEO), actualAmount: 4n })),
    {
      reservation_id: (input) => ({ ...input, reservationId: OTHER }),
      actual_amount: (input) => ({ ...input, actualAmount: null }),
    },
  ),
  "RefundQuota of a reservation": theCase(
    refundQuota,
    withWorld((world) => refundInput({ reservationId: reserve(world, VIDEO).reservationId })),
    {
      reservation_id: (input) => ({ ...input, target: { reservationId: OTHER } }),
      reason: (input) => ({ ...input, reason: "TIMEOUT" }),
      failed_step: (input) => ({ ...input, failedStep: "upload" }),
      detail: (input) => ({ ...input, detail: "another word" }),
    },
  ),
  "RefundQuota of a task": theCase(
    refundQuota,
    withWorld((world) => refundInput({ taskId: reserve(world, VIDEO).taskId, userId: ANN })),
    {
      reservation_id: (input) => ({ ...input, target: { reservationId: OTHER } }),
      task_id: (input) => ({ ...input, target: { ...input.target, taskId: OTHER } }),
      user_id: (input) => ({ ...input, target: { ...input.target, userId: BOB } }),
    },
  ),
  ExtendReservation: theCase(
    extendReservation,
    withWorld((world) => ({ reservationId: reserve(world).reservationId, ttlMs: 3_600_000 })),
    {
      reservation_id: (input) => ({ ...input, reservationId: OTHER }),
      ttl: (input) => ({ ...input, ttlMs: 3_600_001 }),
    },
  ),
  GrantQuota: theCase(
    grantQuota,
    withWorld((world) => {
      const terms = { ...SOURCE, userId: ANN, amount: 7n, priority: 3, validMs: DAY_MS };
      world.sources.set(sourceKey(SOURCE), { ...terms, usedBy: null });
      return { userId: ANN, source: SOURCE };
    }),
    {
      user_id: (input) => ({ ...input, userId: BOB }),
      order_id: (input) => ({ ...input, source: { kind: "ORDER", id: "apr-1" } }),
      campaign_id: (input) => ({ ...input, source: { kind: "CAMPAIGN", id: "apr-1" } }),
      approval_id: (input) => ({ ...input, source: { ...SOURCE, id: "apr-2" } }),
    },
  ),
  RegisterUser: theCase(
    registerUser,
    () => ({ world: emptyWorld(), input: { userId: ANN } }),
    { user_id: () => ({ userId: BOB }) },
  ),
  SuspendUser: theCase(suspendUser, withWorld(() => ({ userId: ANN, reason: "fraud" })), {
    user_id: (input) => ({ ...input, userId: BOB }),
    reason: (input) => ({ ...input, reason: "another" }),
  }),
  ResumeUser: theCase(resumeUser, withWorld(() => ({ userId: ANN, reason: "cleared" })), {
    user_id: (input) => ({ ...input, userId: BOB }),
    reason: (input) => ({ ...input, reason: "another" }),
  }),
};
