/** Uses of features in a seeded year: holds, and what becomes of them. */
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../billing/clock.ts";
import type { TaskId } from "../../billing/id.ts";
import { isMember } from "../../billing/membership/user.ts";
import type { Account } from "../../billing/quota/account.ts";
import { commitQuota } from "../../billing/quota/commit-quota.ts";
import { expireReservation } from "../../billing/quota/expire-reservation.ts";
import { refundQuota } from "../../billing/quota/refund-quota.ts";
import type { RefundReason, Reservation } from "../../billing/quota/reservation.ts";
import { reserveQuota } from "../../billing/quota/reserve-quota.ts";
import type { Agenda } from "./agenda.ts";
import type { Records } from "./records.ts";
import { WARES, type Ware } from "./wares.ts";
import type { World } from "./world.ts";

/** A task that vendors charge for. */
export interface Task {
  readonly reservation: Reservation;
  readonly ware: Ware;
}

const TTL_MS = 15 * MINUTE_MS;
const TRIES = 12;
const REASONS: readonly RefundReason[] = [
  "STEP_FAILED",
  "TIMEOUT",
  "UPSTREAM_ERROR",
  "CANCELLED_BEFORE_START",
];

export class Using {
  readonly #world: World;
  readonly #agenda: Agenda;
  readonly #records: Records;
  #tasks: Task[] = [];
  #count = 0;

  constructor(world: World, agenda: Agenda, records: Records) {
    this.#world = world;
    this.#agenda = agenda;
    this.#records = records;
  }

  /** Somebody uses something now. @returns false when nobody could be found who may */
  use(): boolean {
    const { accounts, dice } = this.#world;
    for (let tried = 0; tried < TRIES; tried++) {
      // Some come often, and most now and then.
      const account = accounts[Math.floor(accounts.length * dice.next() ** 1.4)];
      if (account !== undefined && this.#useBy(account)) return true;
    }
    return false;
  }

  /** The tasks since it was asked last. */
  takeTasks(): Task[] {
    const taken = this.#tasks;
    this.#tasks = [];
    return taken;
  }

  #useBy(account: Account): boolean {
    const { dice, now, act } = this.#world;
    const ware = chooseWare(dice.next());
    const { featureId, quotaCost } = ware.feature;
    const { user } = account;
    const quantity = dice.chance(0.1) ? dice.between(2, 4) : 1;
    const isAble = user.state === "ACTIVE" && isMember(user, now());
    if (!isAble || user.available < quotaCost * BigInt(quantity)) return false;
    const taskId = `task-${(this.#count += 1)}` as TaskId;
    const input = { userId: user.userId, featureId, quantity, taskId, ttlMs: TTL_MS, labels: {} };
    const answer = act(account, reserveQuota, input, "pipeline");
    if (answer === undefined) return false;
    this.#tasks.push({ reservation: answer.reservation, ware });
    this.#decide(account, answer.reservation);
    return true;
  }

  /** What becomes of a hold. */
  #decide(account: Account, hold: Reservation): void {
    const { dice } = this.#world;
    const workMs = dice.between(8, 500) * SECOND_MS + dice.between(0, 999);
    const fate = dice.next();
    if (fate < 0.88) this.#after(workMs, () => this.#finish(account, hold, fate));
    else if (fate < 0.96) this.#after(workMs, () => this.#refund(account, hold));
    else {
      const overMs = TTL_MS + dice.between(1, 50) * SECOND_MS;
      this.#after(overMs, () => this.#expire(account, hold, fate));
    }
  }

  #finish(account: Account, hold: Reservation, fate: number): void {
    this.#commit(account, hold, fate < 0.1);
    if (fate < 0.84) return this.#done(account, hold);
    // It turns out later that there is nothing to show for it: perhaps too late.
    const hours = this.#world.dice.between(1, 9 * 24);
    this.#after(hours * HOUR_MS, () => this.#refund(account, hold));
  }

  #expire(account: Account, hold: Reservation, fate: number): void {
    const { reservationId, userId } = hold;
    const { act, dice } = this.#world;
    act(account, expireReservation, { userId, reservationId }, "billing-guard");
    if (fate < 0.985) return this.#done(account, hold);
    if (fate < 0.99) return this.#after(MINUTE_MS, () => this.#refund(account, hold));
    this.#after(dice.between(1, 30) * MINUTE_MS, () => {
      this.#commit(account, hold, false);
      this.#done(account, hold);
    });
  }

  #commit(account: Account, { reservationId, amount }: Reservation, isPart: boolean): void {
    const { act, dice } = this.#world;
    const actualAmount = isPart ? BigInt(dice.between(0, Number(amount) - 1)) : null;
    act(account, commitQuota, { reservationId, actualAmount }, "pipeline");
  }

  #refund(account: Account, hold: Reservation): void {
    const { act, dice } = this.#world;
    const target = { reservationId: hold.reservationId };
    const input = { target, reason: dice.pick(REASONS), failedStep: "render", detail: "" };
    act(account, refundQuota, input, "pipeline");
    this.#done(account, hold);
  }

  /** Nothing will happen to it any more. */
  #done(account: Account, { reservationId }: Reservation): void {
    this.#records.addReservation(account.reservations.get(reservationId)!);
    account.reservations.delete(reservationId);
  }

  #after(ms: number, happen: () => void): void {
    this.#agenda.plan(this.#world.now() + ms, happen);
  }
}

function chooseWare(chance: number): Ware {
  let share = chance;
  return WARES.find((ware) => (share -= ware.share) < 0) ?? WARES[0]!;
}

/** Times of a day: few at night, most in the evening. */
export function timeInDay(world: World): number {
  const { dice } = world;
  const late = Math.max(dice.next(), dice.next());
  return Math.floor((dice.chance(0.3) ? dice.next() : late) * DAY_MS);
}
