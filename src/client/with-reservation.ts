/**
 * A task under a hold: reserve, work while the hold is kept alive, commit; and refund whatever is
 * thrown. A program that died in between can run the same task again: it finds the same hold.
 */
import type { Reservation } from "../gen/billing/quota/v1/quota.ts";
import type { BillingClient } from "./client.ts";
import { isRefusal } from "./errors.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { reserveKey } from "./keys.ts";
import { faultOf, type Fault } from "./refund-reason.ts";
import { stateName } from "./requests.ts";
import { commitHold, giveBack, type SettleOptions, type Settlement } from "./settle.ts";

/** What is to be paid for. */
export interface ReservedTask {
  readonly userId: string;
  readonly featureId: string;
  readonly taskId: string;
  /** Uses of the feature, from 1 to 1000; 1 when absent. */
  readonly quantity?: number | undefined;
  /**
   * The hold's life without a heartbeat: 1 s to 24 h; 15 minutes when absent. It is also how long
   * the service may be away before a task that works gives up, and how long a crashed task's quota
   * is held.
   */
  readonly ttlMs?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Cancels the task. */
  readonly signal?: AbortSignal | undefined;
}

/** What the work is given. */
export interface Hold {
  readonly reservation: Reservation;
  /** Counts the task's holds from 1; the next one follows a failed one. */
  readonly attempt: number;
  /**
   * Aborted when the task is cancelled, or when the hold is lost (its reason is a HoldLostError).
   */
  readonly signal: AbortSignal;
}

/** What the work gives. */
export interface WorkDone<Value> {
  readonly value: Value;
  /** Quota units really spent, from 0 to the amount held; all of it when absent. */
  readonly actualAmount?: bigint | undefined;
}

export interface TaskOutcome<Value> {
  readonly value: Value;
  /** The reservation after its commit, or as it was held where the commit waits in the spool. */
  readonly reservation: Reservation;
  readonly settlement: Settlement;
}

export interface WithReservationOptions extends SettleOptions {
  /**
   * The part of the hold's life after which it is renewed, above 0 and below 1; a third when
   * absent.
   */
  readonly heartbeatFraction?: number | undefined;
  /** Says why a task failed, where `faultOf` doesn't know it well enough. */
  readonly faultOf?: ((thrown: unknown) => Fault) | undefined;
}

/** The task was done and paid for before, by an earlier run or by another program. */
export class TaskAlreadyDoneError extends Error {
  override readonly name = "TaskAlreadyDoneError";
  readonly reservation: Reservation;

  constructor(reservation: Reservation) {
    super(`the task ${reservation.taskId} was committed already as ${reservation.reservationId}`);
    this.reservation = reservation;
  }
}

/** The task has failed too often to be tried again under the same id. */
export class TaskAttemptsError extends Error {
  override readonly name = "TaskAttemptsError";
}

const TTL_DEFAULT_MS = 15 * 60_000;
/** Two beats may be lost before the hold is. */
const HEARTBEAT_FRACTION = 1 / 3;
/**
 * Each failed attempt costs the next one two calls; a task that failed so often won't do better.
 */
const ATTEMPTS_MAX = 20;

/**
 * Runs the work under a hold.
 *
 * - The hold's key is made from user, task and feature. A run that starts over after a crash
 *   continues under the same hold; one that follows a refunded or expired hold gets the next one.
 * - What the work throws is thrown on, after the refund is delivered or spooled.
 * - A commit whose outcome is unknown is repeated until it is known, or spooled; it is never
 *   refunded.
 *
 * @throws BillingError when the hold is refused or its outcome is unknown (it then ends by itself);
 *   TaskAlreadyDoneError; TaskAttemptsError; UnsettledError when neither service nor spool could
 *   be told; whatever the work throws
 */
export async function withReservation<Value>(
  client: BillingClient,
  task: ReservedTask,
  work: (hold: Hold) => Promise<WorkDone<Value>>,
  options: WithReservationOptions = {},
): Promise<TaskOutcome<Value>> {
  const { ttlMs = TTL_DEFAULT_MS, signal: cancel } = task;
  const { heartbeatFraction: fraction = HEARTBEAT_FRACTION } = options;
  if (!(fraction > 0 && fraction < 1)) {
    throw new TypeError("heartbeatFraction must be between 0 and 1");
  }
  cancel?.throwIfAborted();
  const { reservation, attempt, replayed } = await openHold(client, { ...task, ttlMs });
  const fail = async (thrown: unknown, fault: Fault): Promise<never> => {
    await giveBack(client, reservation, fault, thrown, options);
    throw thrown;
  };
  if (cancel?.aborted) return fail(cancel.reason, CANCELLED);
  const beat = { ttlMs, fraction, atOnce: replayed };
  const heartbeat = startHeartbeat(client, reservation.reservationId, beat);
  const signals = cancel === undefined ? [heartbeat.signal] : [cancel, heartbeat.signal];
  const hold: Hold = { reservation, attempt, signal: AbortSignal.any(signals) };
  try {
    const { value, actualAmount } = await orElse(
      () => work(hold),
      (error) => fail(error, nameFault(error, options)),
    );
    // The heart beats on until the commit is known: an expired hold might not be had again.
    const committed = await orElse(
      () => commitHold(client, reservation, actualAmount, options),
      // What is refused is not charged, so the value can't be handed out.
      (error) => (isRefusal(error) ? fail(error, COMMIT_REFUSED) : undefined),
    );
    return { value, ...committed };
  } finally {
    await heartbeat.stop();
  }
}

/** Does something; where that throws, does the other thing first and then throws on. */
async function orElse<Value>(
  act: () => Promise<Value>,
  otherwise: (error: unknown) => Promise<never> | undefined,
): Promise<Value> {
  try {
    return await act();
  } catch (error) {
    await otherwise(error);
    throw error;
  }
}

/** A naming that fails itself must not cost the refund. */
function nameFault(thrown: unknown, options: WithReservationOptions): Fault {
  try {
    return (options.faultOf ?? faultOf)(thrown);
  } catch (error) {
    return {
      ...faultOf(thrown),
      detail: `${faultOf(thrown).detail} (faultOf threw ${String(error)})`,
    };
  }
}

const CANCELLED: Fault = {
  reason: "CANCELLED_BEFORE_START",
  failedStep: "",
  detail: "the task was cancelled before it started",
};
const COMMIT_REFUSED: Fault = {
  reason: "SYSTEM_ERROR",
  failedStep: "commit",
  detail: "the commit was refused",
};

/** The task's open hold: a new one, or that of a run before. */
async function openHold(
  client: BillingClient,
  { userId, featureId, taskId, quantity, ttlMs, labels }: ReservedTask,
): Promise<{ reservation: Reservation; attempt: number; replayed: boolean }> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const idempotencyKey = reserveKey({ userId, taskId, featureId, attempt });
    const input = { idempotencyKey, userId, featureId, taskId, quantity, ttlMs, labels };
    const { reservation, replayed } = await client.reserve(input);
    if (!replayed) return { reservation, attempt, replayed };
    // A replayed answer is what was true then.
    const present = await client.getReservation(reservation.reservationId);
    const state = stateName(present.state);
    if (state === "COMMITTED") throw new TaskAlreadyDoneError(present);
    if (state === "HELD") return { reservation: present, attempt, replayed };
  }
  throw new TaskAttemptsError(`the task ${taskId} has failed ${ATTEMPTS_MAX} times`);
}
