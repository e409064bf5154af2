/** What must be true of the rows at every moment, computed from the rows alone. */
import assert from "node:assert/strict";
import type { KeptLog, World } from "./world.ts";

interface Replayed {
  available: bigint;
  held: bigint;
  sequence: bigint;
}

/** Replays the whole log from zero, and compares it and the open holds with every row. */
export function assertBooks(world: World): void {
  new Books().check(world);
}

/** The same for a world that grows: each row of its log is replayed once. */
export class Books {
  readonly #users = new Map<string, Replayed>();
  readonly #lots = new Map<string, bigint>();
  /** What a reservation's movements add up to. */
  readonly #holds = new Map<string, { available: bigint; held: bigint; isRefunded: boolean }>();
  #replayed = 0;

  /** @throws AssertionError for the first row that is not as the log says */
  check(world: World): void {
    for (const row of world.logs.slice(this.#replayed)) this.#replay(row);
    this.#replayed = world.logs.length;
    this.#checkUsers(world);
    this.#checkLots(world);
    this.#checkReservations(world);
  }

  #replay(row: KeptLog): void {
    const user = this.#users.get(row.userId) ?? { available: 0n, held: 0n, sequence: 0n };
    this.#users.set(row.userId, user);
    user.available += row.available;
    user.held += row.held;
    user.sequence += 1n;
    assert.equal(row.sequence, user.sequence, "the log counts without a gap");
    assert.ok(user.available >= 0n && user.held >= 0n, "no balance was ever below zero");
    assert.equal(row.availableAfter, user.available, "a row bears the available quota after it");
    assert.equal(row.heldAfter, user.held, "a row bears the held quota after it");
    if (row.grantId === null) {
      assert.equal(row.available, 0n, "what names no lot moves nothing");
    } else {
      const moves = row.available !== 0n || row.held !== 0n;
      assert.ok(moves || row.reservationId === null, "what names a lot moves something");
      const remaining = (this.#lots.get(row.grantId) ?? 0n) + row.available;
      this.#lots.set(row.grantId, remaining);
      assert.equal(row.grantRemainingAfter, remaining, "a row bears what is left in its lot");
    }
    if (row.reservationId === null) return;
    const none = { available: 0n, held: 0n, isRefunded: false };
    const hold = this.#holds.get(row.reservationId) ?? none;
    this.#holds.set(row.reservationId, hold);
    hold.available += row.available;
    hold.held += row.held;
    hold.isRefunded ||= row.type === "REFUND";
  }

  #checkUsers(world: World): void {
    const open = new Map<string, bigint>();
    for (const { userId, state, remaining } of world.lots.values()) {
      if (state === "OPEN") open.set(userId, (open.get(userId) ?? 0n) + remaining);
    }
    const holds = new Map<string, bigint>();
    for (const { userId, state, amount } of world.reservations.values()) {
      if (state === "HELD") holds.set(userId, (holds.get(userId) ?? 0n) + amount);
    }
    for (const { userId, available, held, logSequence } of world.users.values()) {
      const log = this.#users.get(userId) ?? { available: 0n, held: 0n, sequence: 0n };
      assert.equal(available, log.available, "the log gives the available quota");
      assert.equal(held, log.held, "the log gives the held quota");
      assert.equal(logSequence, log.sequence, "the log has as many rows as the user counts");
      assert.equal(available, open.get(userId) ?? 0n, "available is what open lots have left");
      assert.equal(held, holds.get(userId) ?? 0n, "held is the sum of the open holds");
    }
  }

  #checkLots(world: World): void {
    for (const { grantId, remaining, amount, state } of world.lots.values()) {
      assert.equal(remaining, this.#lots.get(grantId) ?? 0n, "the log gives what a lot has left");
      assert.ok(remaining >= 0n && remaining <= amount, "a lot stays within its amount");
      assert.equal(state === "OPEN", remaining > 0n, "a lot is open while something is left");
    }
  }

  /** A reservation's movements add up to what it is now, so nothing comes back twice. */
  #checkReservations(world: World): void {
    for (const reservation of world.reservations.values()) {
      const { reservationId, amount, committedAmount, refundedAmount, state } = reservation;
      const moved = this.#holds.get(reservationId);
      assert.ok(moved, "every reservation is in the log");
      const isHeld = state === "HELD";
      const settled = committedAmount + refundedAmount;
      assert.equal(settled, isHeld ? 0n : amount, "spent and given back make the amount, once");
      assert.equal(moved.held, isHeld ? amount : 0n, "only a hold holds");
      const gone = isHeld ? amount : committedAmount;
      assert.equal(moved.available, -gone, "what isn't spent came back, once");
      assert.equal(moved.isRefunded, state === "REFUNDED", "a refund is in the log");
    }
  }
}
