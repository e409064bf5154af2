import type { Reservation } from "../../../src/billing/quota/reservation.ts";
import assert from "node:assert/strict";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import {
  LIMITED,
  commit,
  letExpire,
  limitBy,
  refund,
  reserve,
  reserveInput,
  worldWithAnn,
} from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import type { World } from "../support/world.ts";

describe("CANCELLED_BEFORE_START", () => {
  const waysToEnd: Record<string, (world: World, hold: Reservation) => void> = {
    "held": () => {},
    "committed": (world, hold) => commit(world, hold),
    "expired": (world, hold) => letExpire(world, hold),
  };
  for (const [state, bring] of Object.entries(waysToEnd)) {
    it(`takes a ${state} use out of all limits at once`, () => {
      const world = worldWithAnn();
      limitBy(world, { maxPerHour: 1, maxPerDay: 1, cooldownSeconds: 86_400, maxInFlight: 1 });
      const hold = reserve(world, LIMITED);
      bring(world, hold);
      world.refuse(reserveQuota, reserveInput(LIMITED));
      refund(world, hold, "CANCELLED_BEFORE_START");
      reserve(world, LIMITED);
      assertBooks(world);
    });
  }

  for (const reason of ["STEP_FAILED", "TIMEOUT", "UPSTREAM_ERROR", "SYSTEM_ERROR"] as const) {
    it(`is the only reason that does: after ${reason} the use still counts`, () => {
      const world = worldWithAnn();
      limitBy(world, { maxPerHour: 1 });
      refund(world, reserve(world, LIMITED), reason);
      assert.equal(world.refuse(reserveQuota, reserveInput(LIMITED)).reason, "RATE_LIMITED");
    });
  }

  it("changes nothing when the refund has happened for another reason before", () => {
    const world = worldWithAnn();
    limitBy(world, { maxPerHour: 1 });
    const hold = reserve(world, LIMITED);
    refund(world, hold, "TIMEOUT");
    refund(world, hold, "CANCELLED_BEFORE_START");
    assert.equal(world.refuse(reserveQuota, reserveInput(LIMITED)).reason, "RATE_LIMITED");
  });
});
