import assert from "node:assert/strict";
import { MINUTE_MS, SECOND_MS } from "../../../src/billing/clock.ts";
import { extendReservation } from "../../../src/billing/quota/extend-reservation.ts";
import { HOLD_MAX_MS, type Reservation } from "../../../src/billing/quota/reservation.ts";
import { CUT_OUT, commit, expire, reserve, worldWithAnn } from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import type { World } from "../support/world.ts";

function extend(world: World, { reservationId }: Reservation, ttlMs: number): number {
  return world.accept(extendReservation, { reservationId, ttlMs }).reservation.expireTimeMs;
}

describe("ExtendReservation", () => {
  it("counts the new life from now", () => {
    const world = worldWithAnn();
    const hold = reserve(world, CUT_OUT, { ttlMs: MINUTE_MS });
    world.nowMs += 30 * SECOND_MS;
    assert.equal(extend(world, hold, MINUTE_MS), world.nowMs + MINUTE_MS);
    assert.equal(extend(world, hold, 2 * MINUTE_MS), world.nowMs + 2 * MINUTE_MS);
    assertBooks(world);
  });

  it("never shortens a hold", () => {
    const world = worldWithAnn();
    const hold = reserve(world, CUT_OUT, { ttlMs: MINUTE_MS });
    assert.equal(extend(world, hold, SECOND_MS), hold.expireTimeMs);
  });

  it("keeps a hold from the sweeper, and an overdue one too that it has not found yet", () => {
    const world = worldWithAnn();
    const hold = reserve(world, CUT_OUT, { ttlMs: MINUTE_MS });
    world.nowMs = hold.expireTimeMs;
    extend(world, hold, MINUTE_MS);
    assert.equal(expire(world, hold), false);
    world.nowMs += MINUTE_MS - 1;
    assert.equal(expire(world, hold), false);
    world.nowMs += 1;
    assert.equal(expire(world, hold), true);
    assertBooks(world);
  });

  it("stops at 24 hours after the hold was made, whatever life is asked for", () => {
    const world = worldWithAnn();
    const hold = reserve(world, CUT_OUT, { ttlMs: HOLD_MAX_MS - 2 });
    const limitMs = hold.createTimeMs + HOLD_MAX_MS;
    world.nowMs += HOLD_MAX_MS - 2;
    assert.equal(extend(world, hold, 1), limitMs - 1);
    assert.equal(extend(world, hold, HOLD_MAX_MS), limitMs);
    assert.equal(refusal(world, hold), "HOLD_LIMIT_REACHED");
  });

  it("is refused for a hold that has its longest life from the beginning", () => {
    const world = worldWithAnn();
    const hold = reserve(world, CUT_OUT, { ttlMs: HOLD_MAX_MS });
    const { reservationId } = hold;
    const refused = world.refuse(extendReservation, { reservationId, ttlMs: SECOND_MS });
    assert.equal(refused.reason, "HOLD_LIMIT_REACHED");
    assert.deepEqual(refused.facts, { reservationId, maxHoldSeconds: "86400" });
  });

  it("is refused for an overdue hold that has outlived the limit", () => {
    const world = worldWithAnn();
    const hold = reserve(world, CUT_OUT, { ttlMs: MINUTE_MS });
    world.nowMs += HOLD_MAX_MS;
    assert.equal(refusal(world, hold), "HOLD_LIMIT_REACHED");
  });

  it("is refused for a settled reservation, with its state", () => {
    const world = worldWithAnn();
    const hold = commit(world, reserve(world));
    const { reservationId } = hold;
    const refused = world.refuse(extendReservation, { reservationId, ttlMs: SECOND_MS });
    assert.deepEqual(refused.facts, { reservationId, state: "COMMITTED" });
  });

  it("moves no quota and leaves no log row", () => {
    const world = worldWithAnn();
    const hold = reserve(world);
    const rows = world.logs.length;
    extend(world, hold, 2 * HOLD_MAX_MS);
    assert.equal(world.logs.length, rows);
    assertBooks(world);
  });
});

function refusal(world: World, { reservationId }: Reservation): string {
  return world.refuse(extendReservation, { reservationId, ttlMs: SECOND_MS }).reason;
}
