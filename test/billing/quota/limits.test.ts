import assert from "node:assert/strict";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../../src/billing/clock.ts";
import type { ReservationId } from "../../../src/billing/id.ts";
import type { Use } from "../../../src/billing/quota/account.ts";
import { usageAt } from "../../../src/billing/quota/limits.ts";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import {
  ANN,
  LIMITED,
  commit,
  expire,
  grant,
  letExpire,
  limitBy,
  limitedWorld,
  refund,
  reserve,
  reserveInput,
  trialLot,
  worldWithAnn,
} from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import { START_MS, type World } from "../support/world.ts";

/** Serves one use, or says why not. */
function tryUse(world: World, quantity = 1): string {
  const result = world.send(reserveQuota, reserveInput(LIMITED, { quantity }));
  return "refusal" in result ? result.refusal.reason : "passes";
}

function refuseUse(world: World, quantity = 1) {
  return world.refuse(reserveQuota, reserveInput(LIMITED, { quantity }));
}

describe("hourly and daily maxima", () => {
  for (const [name, policy, lengthMs] of [
    ["hour", { maxPerHour: 2 }, HOUR_MS],
    ["day", { maxPerDay: 2 }, DAY_MS],
  ] as const) {
    it(`count a use until it is exactly one ${name} old`, () => {
      const world = limitedWorld(policy);
      reserve(world, LIMITED, { quantity: 2 });
      world.nowMs += lengthMs - 1;
      const refusal = refuseUse(world);
      assert.equal(refusal.reason, "RATE_LIMITED");
      assert.equal(refusal.retryAfterMs, 1);
      assert.equal(refusal.facts["window"], name);
      world.nowMs += 1;
      assert.equal(tryUse(world, 2), "passes");
    });

    it(`slide: a ${name} holds no more uses than its maximum wherever it begins`, () => {
      const world = limitedWorld(policy);
      const steps = [0, 0.4, 0.4, 0.19, 0.01, 0.4, 0.6].map((part) => part * lengthMs);
      const told = steps.map((step) => {
        world.nowMs += step;
        return tryUse(world);
      });
      const expected = ["passes", "passes", "no", "no", "passes", "passes", "passes"];
      assert.deepEqual(told.map((word) => (word === "passes" ? word : "no")), expected);
    });
  }

  it("are counted in uses, so a quantity counts in full", () => {
    const world = limitedWorld({ maxPerHour: 10 });
    reserve(world, LIMITED, { quantity: 7 });
    assert.deepEqual(refuseUse(world, 4).facts["used"], "7");
    assert.equal(tryUse(world, 3), "passes");
    assert.equal(tryUse(world), "RATE_LIMITED");
  });

  it("say that waiting doesn't help when the quantity alone is too much", () => {
    const refusal = refuseUse(limitedWorld({ maxPerHour: 10 }), 11);
    assert.equal(refusal.reason, "RATE_LIMITED");
    assert.equal(refusal.retryAfterMs, undefined);
  });

  it("ask to wait until both maxima allow the use", () => {
    const world = limitedWorld({ maxPerHour: 1, maxPerDay: 1 });
    reserve(world, LIMITED);
    assert.equal(refuseUse(world).retryAfterMs, DAY_MS);
  });

  it("count committed, expired and refunded uses as well as open ones", () => {
    const world = limitedWorld({ maxPerHour: 4 });
    commit(world, reserve(world, LIMITED));
    refund(world, reserve(world, LIMITED));
    letExpire(world, reserve(world, LIMITED));
    reserve(world, LIMITED);
    assert.equal(refuseUse(world).facts["used"], "4");
  });

  it("don't count what was refused or only previewed", () => {
    const world = limitedWorld({ maxPerHour: 2 });
    for (let attempt = 0; attempt < 5; attempt++) refuseUse(world, 3);
    world.accept(reserveQuota, reserveInput(LIMITED, { quantity: 2 }), { validateOnly: true });
    assert.equal(tryUse(world, 2), "passes");
  });

  it("are each user's own", () => {
    const world = limitedWorld({ maxPerHour: 1 });
    const bob = "bob" as typeof ANN;
    world.users.set(bob, { ...world.users.get(ANN)!, userId: bob, available: 0n, logSequence: 0n });
    grant(world, 5n, { userId: bob });
    reserve(world, LIMITED);
    world.accept(reserveQuota, reserveInput(LIMITED, { userId: bob }));
  });

  it("still count uses of the future after the clock stepped back", () => {
    const world = limitedWorld({ maxPerHour: 1 });
    reserve(world, LIMITED);
    world.nowMs -= 10 * SECOND_MS;
    const { reason, retryAfterMs } = refuseUse(world);
    assert.deepEqual([reason, retryAfterMs], ["RATE_LIMITED", HOUR_MS + 10 * SECOND_MS]);
  });

  it("don't depend on the order in which uses are read", () => {
    const uses = [0, 1, 2, 3].map((hours): Use => {
      const startMs = START_MS - hours * HOUR_MS;
      const reservationId = `rsv_${hours}` as ReservationId;
      return { reservationId, startMs, quantity: hours + 1, heldUntilMs: hours > 1 ? Infinity : null, counts: true };
    });
    const usage = { lastHour: 1, lastDay: 10, inFlight: 2, lastStartMs: START_MS };
    assert.deepEqual(usageAt(uses, START_MS), usage);
    assert.deepEqual(usageAt(uses.toReversed(), START_MS), usage);
  });

  it("are no limit at all when they are 0", () => {
    const world = limitedWorld({ cooldownSeconds: 1 });
    for (let use = 0; use < 50; use++) {
      assert.equal(tryUse(world, 10), "passes");
      world.nowMs += SECOND_MS;
    }
  });
});

describe("the cooldown", () => {
  for (const seconds of [1, 60, 86_400]) {
    it(`of ${seconds} s is over after exactly ${seconds} s`, () => {
      const world = limitedWorld({ cooldownSeconds: seconds });
      reserve(world, LIMITED);
      world.nowMs += seconds * SECOND_MS - 1;
      const refusal = refuseUse(world);
      assert.deepEqual([refusal.reason, refusal.retryAfterMs], ["COOLDOWN_ACTIVE", 1]);
      world.nowMs += 1;
      assert.equal(tryUse(world), "passes");
    });
  }

  it("runs from the start of the last use that counts, not from its end", () => {
    const world = limitedWorld({ cooldownSeconds: 60 });
    const hold = reserve(world, LIMITED);
    world.nowMs += 59 * SECOND_MS;
    commit(world, hold);
    world.nowMs += SECOND_MS;
    assert.equal(tryUse(world), "passes");
  });

  it("falls back to the use before when the last one was cancelled before its start", () => {
    const world = limitedWorld({ cooldownSeconds: 60 });
    reserve(world, LIMITED);
    world.nowMs += 60 * SECOND_MS;
    refund(world, reserve(world, LIMITED), "CANCELLED_BEFORE_START");
    assert.equal(tryUse(world), "passes");
  });

  it("grows by the step when the clock steps back, and never vanishes", () => {
    const world = limitedWorld({ cooldownSeconds: 60 });
    reserve(world, LIMITED);
    world.nowMs -= 5 * SECOND_MS;
    const { reason, retryAfterMs } = refuseUse(world);
    assert.deepEqual([reason, retryAfterMs], ["COOLDOWN_ACTIVE", 65 * SECOND_MS]);
  });
});

describe("the bound on open holds", () => {
  it("counts holds, not uses, and ends with each of them", () => {
    const world = limitedWorld({ maxInFlight: 2 });
    const [one, two] = [reserve(world, LIMITED, { quantity: 9 }), reserve(world, LIMITED)];
    const refusal = refuseUse(world);
    assert.equal(refusal.reason, "IN_FLIGHT_LIMITED");
    assert.equal(refusal.retryAfterMs, undefined);
    commit(world, one);
    const three = reserve(world, LIMITED);
    refund(world, two);
    reserve(world, LIMITED);
    assert.equal(tryUse(world), "IN_FLIGHT_LIMITED");
    world.nowMs = three.expireTimeMs - 1;
    assert.equal(tryUse(world), "IN_FLIGHT_LIMITED");
    world.nowMs = three.expireTimeMs;
    assert.equal(tryUse(world), "passes", "an overdue hold doesn't count, swept or not");
    expire(world, three);
    assert.equal(tryUse(world), "passes");
    assertBooks(world);
  });

  it("counts a hold for as long as it can live", () => {
    const world = limitedWorld({ maxInFlight: 1 });
    reserve(world, LIMITED, { ttlMs: DAY_MS });
    world.nowMs += DAY_MS - 1;
    assert.equal(tryUse(world), "IN_FLIGHT_LIMITED");
    world.nowMs += 1;
    assert.equal(tryUse(world), "passes");
  });
});

describe("a feature that costs nothing", () => {
  it("is limited like any other, and leaves its trace in the log", () => {
    const world = worldWithAnn(1n);
    limitBy(world, { maxPerHour: 2 }, 0n);
    const hold = reserve(world, LIMITED);
    assert.deepEqual([hold.amount, hold.allocations], [0n, []]);
    commit(world, hold);
    letExpire(world, reserve(world, LIMITED));
    assert.equal(tryUse(world), "RATE_LIMITED");
    const ofHolds = world.logs.filter(({ reservationId }) => reservationId !== null);
    const trace = ofHolds.map((row) => [row.type, row.grantId, row.available, row.held]);
    assert.deepEqual(trace, [
      ["RESERVE", null, 0n, 0n],
      ["COMMIT", null, 0n, 0n],
      ["RESERVE", null, 0n, 0n],
      ["EXPIRE_HOLD", null, 0n, 0n],
    ]);
    assert.equal(trialLot(world).remaining, 1n);
    assertBooks(world);
  });

  it("passes with an empty balance", () => {
    const world = worldWithAnn(1n);
    reserve(world);
    reserve(world, "free" as typeof LIMITED, { quantity: 1_000 });
    assertBooks(world);
  });
});
