/** How a task's hold ends: committed, or given back; and never left in the dark. */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

import type { Reservation } from "../gen/billing/quota/v1/quota.ts";
import type { RefundAnswer } from "./answers.ts";
import type { BillingClient } from "./client.ts";
import { deliverNow, NoSpoolError, sendWith, spoolForLater, type Delivery } from "./delivery.ts";
import { asError, isReason, isRefusal, toBillingError, type BillingError } from "./errors.ts";
import { commitKey, refundKey } from "./keys.ts";
import type { Fault } from "./refund-reason.ts";
import { stateName } from "./requests.ts";
import type { Spool } from "./spool.ts";
import { fitDetail, fitStep } from "./words.ts";

/** How a hold ended. */
export type Settlement =
  | "COMMITTED"
  /** The service was away: the commit is on disk and will be delivered. */
  | "COMMIT_SPOOLED"
  | "REFUNDED"
  /** The service was away: the refund is on disk and will be delivered. */
  | "REFUND_SPOOLED"
  /** The service refused the refund for good; the error says why. */
  | "REFUND_REFUSED"
  /**
   * Another run of the same task has done it and committed, so this one's failure gives nothing
   * back.
   */
  | "COMMITTED_BY_ANOTHER";

export interface SettlementReport {
  readonly reservationId: string;
  readonly settlement: Settlement;
  /** Why it wasn't delivered. */
  readonly error?: BillingError | undefined;
}

export interface SettleOptions {
  /**
   * Keeps what can't be delivered; without one the service's absence can end in an UnsettledError.
   */
  readonly spool?: Spool | undefined;
  /** Without a spool: how long a settlement is repeated, in milliseconds; 60,000 when absent. */
  readonly settleDeadlineMs?: number | undefined;
  /** Told how each hold ended. It must not throw. */
  readonly onSettled?: ((report: SettlementReport) => void) | undefined;
}

/**
 * Neither the service nor a spool could be told how a task ended. `error` says why the service
 * couldn't, `spoolError` why the spool couldn't; what the task had thrown is the cause. A hold that
 * was to be refunded ends by itself.
 */
export class UnsettledError extends Error {
  override readonly name = "UnsettledError";
  readonly reservationId: string;
  readonly intent: "COMMIT" | "REFUND";
  readonly error: BillingError;
  readonly spoolError: Error | undefined;

  constructor(facts: UnsettledFacts) {
    const { reservationId, intent, error, cause } = facts;
    const what = `the ${intent.toLowerCase()} of ${reservationId}`;
    super(`${what} has no known outcome: ${error.message}`, cause === undefined ? undefined : { cause });
    this.reservationId = reservationId;
    this.intent = intent;
    this.error = error;
    this.spoolError = facts.spoolError;
  }
}

interface UnsettledFacts {
  readonly reservationId: string;
  readonly intent: "COMMIT" | "REFUND";
  readonly error: BillingError;
  readonly spoolError: Error | undefined;
  readonly cause?: unknown;
}

const SETTLE_DEADLINE_MS = 60_000;
/** Between two repetitions of a settlement; each of them is a call with repetitions of its own. */
const SETTLE_PAUSE_MS = 1_000;
/** The look before a refund must not delay it. */
const LOOK_DEADLINE_MS = 1_000;

/**
 * Commits a hold.
 * @param actualAmount quota units; all that is held when undefined
 * @throws BillingError when the service refuses for good; UnsettledError
 */
export async function commitHold(
  client: BillingClient,
  held: Reservation,
  actualAmount: bigint | undefined,
  options: SettleOptions,
): Promise<{ reservation: Reservation; settlement: Settlement }> {
  const { reservationId } = held;
  const input = { idempotencyKey: commitKey(reservationId), reservationId, actualAmount };
  try {
    const { reservation } = await untilKnown(() => client.commit(input), options);
    return settled(reservation, "COMMITTED", options);
  } catch (cause) {
    const error = toBillingError(cause);
    if (isRefusal(error)) {
      return settled(await committedByAnother(client, error, reservationId), "COMMITTED", options);
    }
    const entry = { method: "CommitQuota", createTimeMs: Date.now(), input } as const;
    const spoolError = await spoolForLater(options.spool, entry).catch(asError);
    if (spoolError) {
      throw new UnsettledError({ reservationId, intent: "COMMIT", error, spoolError, cause });
    }
    return settled(held, "COMMIT_SPOOLED", options, error);
  }
}

/**
 * Gives a hold back, or has it given back later.
 * @param thrown what the task had thrown, to be the cause of an UnsettledError
 * @throws UnsettledError
 */
export async function giveBack(
  client: BillingClient,
  held: Reservation,
  fault: Fault,
  thrown: unknown,
  options: SettleOptions,
): Promise<void> {
  const { reservationId } = held;
  if (await isCommitted(client, reservationId)) {
    settled(held, "COMMITTED_BY_ANOTHER", options);
    return;
  }
  const { reason } = fault;
  const words = { reason, failedStep: fitStep(fault.failedStep), detail: fitDetail(fault.detail) };
  const input = { idempotencyKey: refundKey(reservationId, words), reservationId, ...words };
  const entry = { method: "RefundQuota", createTimeMs: Date.now(), input } as const;
  const delivery =
    options.spool === undefined
      ? await deliverWithoutSpool(() => client.refund(input), options)
      : await deliverNow(options.spool, sendWith(client), entry);
  switch (delivery.outcome) {
    case "DELIVERED":
      settled(held, "REFUNDED", options);
      break;
    case "REFUSED":
      settled(held, "REFUND_REFUSED", options, delivery.error);
      break;
    case "SPOOLED":
      settled(held, "REFUND_SPOOLED", options, delivery.error);
      break;
    case "LOST": {
      const { error, spoolError } = delivery;
      throw new UnsettledError({
        reservationId,
        intent: "REFUND",
        error,
        spoolError,
        cause: thrown,
      });
    }
  }
}

/**
 * Runs of one task share a hold; what one of them has delivered, the failure of another doesn't
 * undo.
 */
async function isCommitted(client: BillingClient, reservationId: string): Promise<boolean> {
  try {
    const { state } = await client.getReservation(reservationId, { deadlineMs: LOOK_DEADLINE_MS });
    return stateName(state) === "COMMITTED";
  } catch {
    // Who can't look refunds: that the quota comes back matters more.
    return false;
  }
}

/** The reservation that a run of the same task has committed, perhaps with another amount. */
async function committedByAnother(
  client: BillingClient,
  refusal: BillingError,
  reservationId: string,
): Promise<Reservation> {
  const mayBe =
    isReason(refusal, "RESERVATION_NOT_HELD") || isReason(refusal, "IDEMPOTENCY_KEY_REUSED");
  if (!mayBe) throw refusal;
  const reservation = await client.getReservation(reservationId);
  if (stateName(reservation.state) !== "COMMITTED") throw refusal;
  return reservation;
}

async function deliverWithoutSpool(
  send: () => Promise<RefundAnswer>,
  options: SettleOptions,
): Promise<Delivery> {
  try {
    return { outcome: "DELIVERED", answer: await untilKnown(send, options) };
  } catch (cause) {
    const error = toBillingError(cause);
    if (isRefusal(error)) return { outcome: "REFUSED", error };
    return { outcome: "LOST", error, spoolError: new NoSpoolError() };
  }
}

/** Without a spool nothing else remembers the call, so it is repeated beyond its own deadline. */
async function untilKnown<Answer>(
  send: () => Promise<Answer>,
  { spool, settleDeadlineMs = SETTLE_DEADLINE_MS }: SettleOptions,
): Promise<Answer> {
  const endMs = performance.now() + settleDeadlineMs;
  for (;;) {
    try {
      return await send();
    } catch (error) {
      const isLast = spool !== undefined || performance.now() + SETTLE_PAUSE_MS > endMs;
      if (isRefusal(error) || isLast) throw error;
      await sleep(SETTLE_PAUSE_MS);
    }
  }
}

function settled(
  reservation: Reservation,
  settlement: Settlement,
  { onSettled }: SettleOptions,
  error?: BillingError,
): { reservation: Reservation; settlement: Settlement } {
  onSettled?.({ reservationId: reservation.reservationId, settlement, error });
  return { reservation, settlement };
}
