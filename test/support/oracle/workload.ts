/** The mix of requests: what pipelines send, with all that goes wrong on their side. */
import type { Dice } from "./random.ts";
import { isOfLoad } from "./requests.ts";
import type { AnsweredReservation, QuotaRequest, RefundRequest, Reply } from "./requests.ts";

/** Who takes part, by name. They exist already. */
export interface World {
  /** Many users, each seldom. */
  readonly users: readonly string[];
  /** Few users, each all the time; some of them should have little quota. */
  readonly hotUsers: readonly string[];
  /** A feature without limits. */
  readonly plainFeature: string;
  /** Features with limits, which must be exact. */
  readonly limitedFeatures: readonly string[];
}

/** One thing to do: a request, and how many times it is sent at once. */
export interface Step {
  readonly request: QuotaRequest;
  readonly copies: number;
}

export interface Workload {
  next(): Step;
  /** Learns from an answer what can be settled, repeated or misused later. */
  learn(request: QuotaRequest, reply: Reply): void;
}

type Hold = Pick<AnsweredReservation, "reservationId" | "userId" | "taskId" | "amount">;

/** How many holds and requests are kept in mind: enough to come back to old ones, and bounded. */
const KEPT_MAX = 2_000;
const TTL_MS = 900_000;
/** The shortest life of a hold: the sweeper ends it within the run unless it's settled before. */
const SHORT_TTL_MS = 1_000;
const COPIES_MAX = 4;
const REASONS: readonly RefundRequest["reason"][] = [
  "STEP_FAILED",
  "TIMEOUT",
  "CANCELLED_BEFORE_START",
];

/** @param prefix begins every key and task, so that runs on one database don't meet */
export function createWorkload(world: World, dice: Dice, prefix: string): Workload {
  const holds: Hold[] = [];
  const done: QuotaRequest[] = [];
  const refused: QuotaRequest[] = [];
  let names = 0;
  const newName = (kind: string) => `${prefix}-${kind}${(names += 1)}`;

  const reserve = (): QuotaRequest => {
    const isHot = dice.chance(0.4);
    const isLimited = dice.chance(0.15);
    return {
      method: "ReserveQuota",
      key: newName("key"),
      userId: dice.pick(isHot ? world.hotUsers : world.users)!,
      featureId: (isLimited && dice.pick(world.limitedFeatures)) || world.plainFeature,
      taskId: newName("task"),
      quantity: isLimited ? 1 : dice.whole(1, 4),
      ttlMs: dice.chance(0.05) ? SHORT_TTL_MS : TTL_MS,
    };
  };
  // Most holds are settled once; a few come again, for another commit or another refund.
  const takeHold = (): Hold | undefined => {
    const at = Math.floor(dice.next() * holds.length);
    const hold = holds[at];
    if (hold !== undefined && dice.chance(0.7)) holds.splice(at, 1);
    return hold;
  };
  const commit = ({ reservationId, amount }: Hold): QuotaRequest => {
    const actualAmount = dice.chance(0.4) ? dice.whole(0, amount + 1) : null;
    return { method: "CommitQuota", key: newName("key"), reservationId, actualAmount };
  };
  const refund = ({ reservationId, userId, taskId }: Hold): QuotaRequest => ({
    method: "RefundQuota",
    key: newName("key"),
    target: dice.chance(0.5) ? { reservationId } : { taskId, userId },
    reason: dice.pick(REASONS)!,
    failedStep: "step",
  });
  const extend = ({ reservationId }: Hold): QuotaRequest => ({
    method: "ExtendReservation",
    key: newName("key"),
    reservationId,
    ttlMs: TTL_MS + dice.whole(0, TTL_MS),
  });
  const settle = (): QuotaRequest => {
    const hold = takeHold();
    if (hold === undefined) return reserve();
    const choice = dice.next();
    if (choice < 0.45) return commit(hold);
    return choice < 0.85 ? refund(hold) : extend(hold);
  };

  return {
    next() {
      const earlier = dice.pick(done);
      const choice = dice.next();
      if (earlier && choice < 0.08) return { request: earlier, copies: dice.whole(1, 2) };
      if (earlier && choice < 0.12) return { request: changed(earlier, dice), copies: 1 };
      // A refusal leaves its key unused: what was refused may pass later.
      const unlucky = dice.pick(refused);
      if (unlucky && choice < 0.14) return { request: unlucky, copies: 1 };
      const request = dice.chance(0.5) ? reserve() : settle();
      return { request, copies: dice.chance(0.05) ? dice.whole(2, COPIES_MAX) : 1 };
    },
    learn(request, reply) {
      if (isLasting(reply)) keep(refused, request, dice);
      if (reply.outcome !== "ok") return;
      keep(done, request, dice);
      if (reply.replayed) return;
      for (const reservation of reply.reservations) {
        if (reservation.state !== "REFUNDED") keep(holds, reservation, dice);
      }
    },
  };
}

/** The same key with another content: it must be refused, and change nothing. */
function changed(request: QuotaRequest, dice: Dice): QuotaRequest {
  switch (request.method) {
    case "ReserveQuota":
      return dice.chance(0.5)
        ? { ...request, quantity: request.quantity + 1 }
        : { ...request, taskId: `${request.taskId}x` };
    case "CommitQuota":
      return { ...request, actualAmount: request.actualAmount === null ? 0 : null };
    case "RefundQuota":
      return { ...request, failedStep: `${request.failedStep}x` };
    case "ExtendReservation":
    default:
      return { ...request, ttlMs: request.ttlMs + 1_000 };
  }
}

/** True for a refusal of the request itself, neither of its key nor for load. */
function isLasting(reply: Reply): boolean {
  if (reply.outcome !== "refused" || isOfLoad(reply)) return false;
  return reply.reason !== "IDEMPOTENCY_KEY_REUSED";
}

/** Keeps a value, in the place of another one when there are many. */
function keep<T>(kept: T[], value: T, dice: Dice): void {
  if (kept.length < KEPT_MAX) kept.push(value);
  else kept[dice.whole(0, KEPT_MAX - 1)] = value;
}
