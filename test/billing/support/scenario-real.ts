/** The way from the model's words to the use cases, and back from their answers. */
import type { FeatureId, GrantId, ReservationId, TaskId, UserId } from "../../../src/billing/id.ts";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import { resumeUser, suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import type { Balance } from "../../../src/billing/quota/account.ts";
import { commitQuota } from "../../../src/billing/quota/commit-quota.ts";
import { expireReservation } from "../../../src/billing/quota/expire-reservation.ts";
import { extendReservation } from "../../../src/billing/quota/extend-reservation.ts";
import { grantQuota } from "../../../src/billing/quota/grant-quota.ts";
import type { Lot } from "../../../src/billing/quota/lot.ts";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import type { Reservation } from "../../../src/billing/quota/reservation.ts";
import { batchReserveQuota, reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { settleLots } from "../../../src/billing/quota/settle-lots.ts";
import { sourceKey } from "../../../src/billing/quota/serve.ts";
import { act, type ModelCommand, type Told, type ToldHold } from "./model-commands.ts";
import { REFUND_WINDOW, TRIAL_AMOUNT, TRIAL_DAYS, TRIAL_PRIORITY, type Model } from "./model.ts";
import { feature, limits } from "./actions.ts";
import { FEATURES, USERS, WITHDRAWN } from "./scenario-choices.ts";
import { TRIAL_PLAN, type Result, type Waiting, type World } from "./world.ts";

export const USE_CASES = {
  registerUser,
  suspendUser,
  resumeUser,
  grantQuota,
  reserveQuota,
  batchReserveQuota,
  commitQuota,
  refundQuota,
  extendReservation,
  expireReservation,
  settleLots,
};

export type UseCases = typeof USE_CASES;

/** Features, the trial and the first users, in both tellings. */
export function setUp(world: World, model: Model): void {
  world.refundWindowMs = REFUND_WINDOW;
  const trial = { quotaAmount: BigInt(TRIAL_AMOUNT), quotaPriority: TRIAL_PRIORITY };
  world.trialPlan = { ...TRIAL_PLAN, ...trial, periodDays: TRIAL_DAYS };
  model.features = FEATURES;
  model.withdrawn = WITHDRAWN;
  world.features.set(WITHDRAWN as FeatureId, "unpublished");
  for (const each of FEATURES) {
    const featureId = each.name as FeatureId;
    const policy = limits({
      maxPerHour: each.perHour ?? 0,
      maxPerDay: each.perDay ?? 0,
      cooldownSeconds: each.cooldown ?? 0,
      maxInFlight: each.inFlight ?? 0,
    });
    const terms = { quotaCost: BigInt(each.cost), rateLimitPolicy: policy };
    const accessScope = each.listed ? "WHITELIST" : "MEMBER";
    world.features.set(featureId, feature(featureId, { ...terms, accessScope }));
    world.access.set(featureId, new Set(each.listed as readonly UserId[] | undefined));
  }
  for (const user of USERS.slice(0, 2)) {
    act(model, { kind: "register", user });
    world.accept(registerUser, { userId: user as UserId });
  }
}

/** Lets the world know the sources that the model knows. */
export function publishSources(world: World, model: Model): void {
  for (const { id, user, amount, priority, valid } of model.sources) {
    const source = { kind: "ADJUSTMENT", id } as const;
    if (world.sources.has(sourceKey(source))) continue;
    const terms = { userId: user as UserId, amount: BigInt(amount), priority, usedBy: null };
    const validMs = valid === Infinity ? null : valid;
    world.sources.set(sourceKey(source), { ...source, ...terms, validMs });
  }
}

/** A lot as an order makes it whose time begins later. */
export function scheduledLot(
  world: World,
  terms: { id: string; user: string; amount: number; priority: number; valid: number },
  startsAt: number,
): Lot {
  const userId = terms.user as UserId;
  return {
    grantId: world.ids.next("grt", world.nowMs, userId) as GrantId,
    userId,
    amount: BigInt(terms.amount),
    remaining: 0n,
    priority: terms.priority,
    effectiveTimeMs: startsAt,
    expireTimeMs: terms.valid === Infinity ? null : startsAt + terms.valid,
    sourceKind: "ORDER",
    sourceId: terms.id,
    state: "SCHEDULED",
    createTimeMs: world.nowMs,
  };
}

export function toReal(
  useCases: UseCases,
  command: ModelCommand,
  holds: readonly ReservationId[],
  world: World,
): Waiting {
  const idOf = (hold: number) => holds[hold] ?? ("rsv_none" as ReservationId);
  const ofUser = "user" in command ? { userId: command.user as UserId } : undefined;
  const waiting = (useCase: unknown, input: object) => ({ useCase, input }) as Waiting;
  switch (command.kind) {
    case "register":
      return waiting(useCases.registerUser, { ...ofUser });
    case "settle":
      return waiting(useCases.settleLots, { ...ofUser });
    case "suspend":
      return waiting(useCases.suspendUser, { ...ofUser, reason: command.reason });
    case "resume":
      return waiting(useCases.resumeUser, { ...ofUser, reason: command.reason });
    case "grant": {
      const source = { kind: "ADJUSTMENT", id: command.source };
      return waiting(useCases.grantQuota, { ...ofUser, source });
    }
    case "reserve":
    case "batch": {
      const lines = command.lines.map(({ feature: named, quantity }) => ({
        featureId: named as FeatureId,
        quantity,
      }));
      const common = { ...ofUser, taskId: command.task as TaskId, ttlMs: command.ttl, labels: {} };
      return command.kind === "reserve"
        ? waiting(useCases.reserveQuota, { ...common, ...lines[0]! })
        : waiting(useCases.batchReserveQuota, { ...common, lines });
    }
    case "commit": {
      const actualAmount = command.actual === null ? null : BigInt(command.actual);
      return waiting(useCases.commitQuota, { reservationId: idOf(command.hold), actualAmount });
    }
    case "refund":
    case "refundTask": {
      const target =
        command.kind === "refund"
          ? { reservationId: idOf(command.hold) }
          : { ...ofUser, taskId: command.task as TaskId };
      return waiting(useCases.refundQuota, { ...words(command.reason), target });
    }
    case "extend": {
      const input = { reservationId: idOf(command.hold), ttlMs: command.ttl };
      return waiting(useCases.extendReservation, input);
    }
    case "expire":
    default: {
      const reservationId = idOf(command.hold);
      const { userId } = world.reservations.get(reservationId)!;
      return waiting(useCases.expireReservation, { userId, reservationId });
    }
  }
}

function words(reason: string) {
  return { reason, failedStep: "", detail: "" };
}

/** What the use case answered, in the model's words. */
export function tell(command: ModelCommand, result: Result<unknown>, world: World): Told {
  if ("refusal" in result) {
    const { reason, facts } = result.refusal;
    const { field } = facts;
    return field === undefined ? { no: reason } : { no: reason, field };
  }
  const answer = result.answer as {
    reservation?: Reservation;
    reservations?: readonly Reservation[];
    balance: Balance;
    alreadyRefunded?: boolean;
    grantedAmount: bigint;
    membership: { userState: string };
    lot: Lot;
    expired: boolean;
  };
  switch (command.kind) {
    case "register":
      return { done: Number(answer.grantedAmount) };
    case "suspend":
    case "resume":
      return { done: answer.membership.userState };
    case "grant": {
      const { lot, balance } = answer;
      const sums = [lot.amount, balance.available, balance.held].map(Number);
      return { done: [nameOf(lot), ...sums] };
    }
    case "expire":
      return { done: answer.expired };
    case "settle":
      return { done: "settled" };
    case "reserve":
    case "batch":
    case "commit":
    case "refund":
    case "refundTask":
    case "extend":
    default: {
      const { reservation, reservations = [reservation!], balance, alreadyRefunded } = answer;
      const holds = reservations.map((each) => tellHold(each, world));
      const sums = { available: Number(balance.available), held: Number(balance.held) };
      const already = alreadyRefunded === undefined ? {} : { already: alreadyRefunded };
      return { holds, ...sums, ...already };
    }
  }
}

export function tellHold(reservation: Reservation, world: World): ToldHold {
  return {
    state: reservation.state,
    amount: Number(reservation.amount),
    spent: Number(reservation.committedAmount),
    back: Number(reservation.refundedAmount),
    endsAt: reservation.expireTimeMs,
    parts: reservation.allocations.map(({ grantId, amount }) => ({
      lot: nameOf(world.lots.get(grantId)!),
      amount: Number(amount),
    })),
  };
}

/** A lot at that time: one that nobody has looked at since may not be settled yet. */
export function tellLot(lot: Lot, nowMs: number) {
  const endsAt = lot.expireTimeMs ?? Infinity;
  const isNew = lot.state === "SCHEDULED" && lot.effectiveTimeMs <= nowMs;
  const left = endsAt <= nowMs ? 0n : isNew ? lot.amount : lot.remaining;
  return { name: nameOf(lot), left: Number(left), endsAt };
}

function nameOf({ sourceKind, sourceId }: Lot): string {
  return `${sourceKind} ${sourceId}`;
}
