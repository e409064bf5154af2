/**
 * RefundQuota: gives a failed task's quota back to the lots it came from, once, whatever was called
 * before it and however often.
 */
import type { ReservationId, TaskId, UserId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import { balanceOf, reservationsOfTask, type Balance } from "./account.ts";
import { readAnswer, writeAnswer } from "./answers.ts";
import type { Decision, Desk, UseCase } from "./desk.ts";
import { headOf, type Allocation } from "./lot.ts";
import { entriesFor, NO_EFFECTS } from "./posting.ts";
import type { RefundReason, Reservation } from "./reservation.ts";
import { findReservation } from "./settled.ts";

export interface RefundQuota {
  /** What failed: one hold, or every hold of a task of one user. */
  readonly target:
    | { readonly reservationId: ReservationId }
    | { readonly taskId: TaskId; readonly userId: UserId };
  /** "SUBJECTIVE" is an opinion of the result, given as such or in free words without another reason. */
  readonly reason: RefundReason | "SUBJECTIVE";
  readonly failedStep: string;
  readonly detail: string;
}

export interface RefundQuotaAnswer {
  /** Every reservation that was named, oldest first; at least one. */
  readonly reservations: readonly Reservation[];
  readonly balance: Balance;
  /** True when nothing was left that could come back: all that ever will had done so before. */
  readonly alreadyRefunded: boolean;
}

/**
 * Refused as SUBJECTIVE_REFUND_FORBIDDEN, RESERVATION_NOT_FOUND, REFUND_NOT_ELIGIBLE. A refund of what
 * is refunded already is no refusal: it has the same outcome as the first.
 */
export const refundQuota: UseCase<RefundQuota, RefundQuotaAnswer> = {
  method: "RefundQuota",
  alwaysLogged: true,
  needs: ({ target }) =>
    "taskId" in target ? { taskId: target.taskId } : { reservationId: target.reservationId },
  content: ({ target, reason, failedStep, detail }) => ({
    reservation_id: "taskId" in target ? "" : target.reservationId,
    task_id: "taskId" in target ? target.taskId : "",
    user_id: "taskId" in target ? target.userId : "",
    reason,
    failed_step: failedStep,
    detail,
  }),
  decide(desk, input) {
    const reason = lawfulReason(input);
    const named = namedReservations(desk, input);
    return refundAll(desk, named, { ...input, reason });
  },
  answers: {
    write: ({ reservations, balance, alreadyRefunded }) =>
      writeAnswer(reservations, balance, alreadyRefunded),
    read: (text, find) => {
      const { more, ...answer } = readAnswer(text, find);
      return { ...answer, alreadyRefunded: more === true };
    },
  },
};

/** @throws Refusal SUBJECTIVE_REFUND_FORBIDDEN */
export function lawfulReason({ reason }: Pick<RefundQuota, "reason">): RefundReason {
  if (reason !== "SUBJECTIVE") return reason;
  const message = "quota goes back for faults of the system, never for an opinion of the result";
  throw new Refusal("SUBJECTIVE_REFUND_FORBIDDEN", message, {});
}

function namedReservations(desk: Desk, { target }: RefundQuota): Reservation[] {
  if (!("taskId" in target)) return [findReservation(desk, target.reservationId)];
  const named = reservationsOfTask(desk.account, target.taskId);
  if (named.length > 0) return named;
  const message = "no reservation was made for this task";
  throw new Refusal("RESERVATION_NOT_FOUND", message, { taskId: target.taskId });
}

interface LawfulRefund extends RefundQuota {
  readonly reason: RefundReason;
}

function refundAll(
  desk: Desk,
  named: readonly Reservation[],
  input: LawfulRefund,
): Decision<RefundQuotaAnswer> {
  const outcomes = named.map((reservation) => refundOne(desk, reservation, input));
  const changed = outcomes.filter((outcome) => outcome.entries.length > 0);
  // What came back before has the same outcome again, even beside what can't come back any more.
  if (named.every((reservation) => isOver(desk, reservation))) {
    const { reservationId } = named[0]!;
    const message = "the time in which a fault of the system brings quota back has passed";
    throw new Refusal("REFUND_NOT_ELIGIBLE", message, { reservationId });
  }
  const alreadyRefunded = changed.length === 0;
  // A further refund moves nothing, and its key is kept in the log like any other.
  const entries = alreadyRefunded
    ? entriesFor("REFUND", idOfRefunded(named), [], STANDING, "had come back before")
    : changed.flatMap((outcome) => outcome.entries);
  return {
    effects: { ...NO_EFFECTS, entries, changes: changed.map(({ after }) => after) },
    answer: () => ({
      reservations: outcomes.map(({ after }) => after),
      balance: balanceOf(desk.account, desk.nowMs),
      alreadyRefunded,
    }),
  };
}

const STANDING = { available: 0n, held: 0n } as const;

/** The first one that came back; others of the task may be out of reach. */
function idOfRefunded(named: readonly Reservation[]): ReservationId {
  return named.find(({ state }) => state === "REFUNDED")!.reservationId;
}

/** What a refund makes of one reservation; without entries it leaves it as it is. */
function refundOne(desk: Desk, before: Reservation, input: LawfulRefund) {
  if (isOver(desk, before) || before.state === "REFUNDED") return { after: before, entries: [] };
  const why = input.failedStep === "" ? input.reason : `${input.reason} at ${input.failedStep}`;
  const { moves, held } = whatComesBack(before);
  const signs = { available: 1n, held } as const;
  const entries = entriesFor("REFUND", before.reservationId, moves, signs, why);
  return { after: refunded(desk, before, input), entries };
}

/** After expiry nothing is left to come back; who called the task failed is recorded all the same. */
function whatComesBack(before: Reservation): { moves: readonly Allocation[]; held: 0n | -1n } {
  if (before.state === "HELD") return { moves: before.allocations, held: -1n };
  if (before.state === "EXPIRED") return { moves: [], held: 0n };
  return { moves: headOf(before.allocations, before.committedAmount), held: 0n };
}

/** True when it was spent, and the time has passed in which a fault of the system brings it back. */
function isOver(desk: Desk, { state, commitTimeMs, eligibleForRefund }: Reservation): boolean {
  if (state !== "COMMITTED") return false;
  return !eligibleForRefund || desk.nowMs >= commitTimeMs! + desk.refundWindowMs;
}

function refunded(desk: Desk, before: Reservation, input: LawfulRefund): Reservation {
  return {
    ...before,
    state: "REFUNDED",
    refundedAmount: before.amount,
    committedAmount: 0n,
    eligibleForRefund: false,
    countsForLimits: before.countsForLimits && input.reason !== "CANCELLED_BEFORE_START",
    refundTimeMs: desk.nowMs,
    refundReason: input.reason,
    failedStep: input.failedStep,
    refundDetail: input.detail,
  };
}
