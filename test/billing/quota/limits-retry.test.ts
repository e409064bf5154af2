import assert from "node:assert/strict";
import * as fc from "fast-check";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../../src/billing/clock.ts";
import type { ReservationId } from "../../../src/billing/id.ts";
import type { Use } from "../../../src/billing/quota/account.ts";
import { brokenLimits } from "../../../src/billing/quota/limits.ts";
import { batchReserveQuota, reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import {
  ANN,
  LIMITED,
  batchInput,
  feature,
  limits,
  limitedWorld,
  reserve,
  reserveAll,
  reserveInput,
} from "../support/actions.ts";
import { START_MS } from "../support/world.ts";

describe("the limits of a batch", () => {
  for (const [name, policy, reason] of [
    ["the maximum of an hour", { maxPerHour: 3 }, "RATE_LIMITED"],
    ["the maximum of a day", { maxPerDay: 3 }, "RATE_LIMITED"],
    ["the cooldown", { cooldownSeconds: 1 }, "COOLDOWN_ACTIVE"],
    ["the bound on open holds", { maxInFlight: 1 }, "IN_FLIGHT_LIMITED"],
  ] as const) {
    it(`let the lines of one batch see each other: ${name}`, () => {
      const world = limitedWorld(policy);
      const twice = batchInput(["limited*2", "cut-out", "limited*2"]);
      const refusal = world.refuse(batchReserveQuota, twice);
      assert.equal(refusal.reason, reason);
      assert.equal(refusal.retryAfterMs, undefined, "no waiting makes the lines fit");
      assert.equal(world.reservations.size, 0);
      assert.equal(world.users.get(ANN)!.available, 1_000n);
      reserveAll(world, ["limited*2", "cut-out"]);
    });
  }

  it("say how long to wait until all lines fit together", () => {
    const world = limitedWorld({ maxPerHour: 3 });
    reserve(world, LIMITED);
    world.nowMs += 1_000;
    reserve(world, LIMITED);
    world.nowMs += 1_000;
    const refusal = world.refuse(batchReserveQuota, batchInput(["limited", "limited*2"]));
    assert.equal(refusal.retryAfterMs, HOUR_MS - 1_000);
    world.nowMs += HOUR_MS - 1_000;
    reserveAll(world, ["limited", "limited*2"]);
  });

  it("let commands of one batch see each other", () => {
    const world = limitedWorld({ maxPerHour: 1 });
    const [first, second] = world.sendAll([
      { useCase: reserveQuota, input: reserveInput(LIMITED) },
      { useCase: reserveQuota, input: reserveInput(LIMITED) },
    ] as never);
    assert.ok("answer" in first!);
    assert.equal("refusal" in second! && second.refusal.reason, "RATE_LIMITED");
  });
});

describe("retryAfterMs", () => {
  const uses = fc.array(
    fc.record({
      ageMs: fc.integer({ min: -5 * SECOND_MS, max: DAY_MS + SECOND_MS }),
      quantity: fc.integer({ min: 1, max: 4 }),
      counts: fc.boolean(),
    }),
    { maxLength: 12 },
  );
  const policy = fc.record({
    maxPerHour: fc.integer({ min: 0, max: 8 }),
    maxPerDay: fc.integer({ min: 0, max: 12 }),
    cooldownSeconds: fc.integer({ min: 0, max: 7_200 }),
  });

  it("is the shortest wait after which that reason no longer stands against the use", () => {
    fc.assert(
      fc.property(uses, policy, fc.integer({ min: 1, max: 9 }), (made, terms, quantity) => {
        const stored = made.map(
          ({ ageMs, ...use }, at): Use => ({
            ...use,
            reservationId: `rsv_${at}` as ReservationId,
            startMs: START_MS - ageMs,
            heldUntilMs: null,
          }),
        );
        const limited = feature(LIMITED, { rateLimitPolicy: limits(terms) });
        const brokenAt = (nowMs: number) => brokenLimits(ANN, limited, stored, quantity, nowMs);
        for (const { reason, retryAfterMs } of brokenAt(START_MS)) {
          const stands = (nowMs: number) =>
            brokenAt(nowMs).some((other) => other.reason === reason);
          if (retryAfterMs === undefined) {
            assert.ok(stands(START_MS + 10 * DAY_MS), "no wait helps");
            continue;
          }
          assert.ok(retryAfterMs > 0);
          assert.ok(!stands(START_MS + retryAfterMs), `${reason} is over after the wait`);
          assert.ok(stands(START_MS + retryAfterMs - 1), `${reason} stands until then`);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
