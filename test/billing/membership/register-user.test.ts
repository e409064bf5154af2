import assert from "node:assert/strict";
import { DAY_MS } from "../../../src/billing/clock.ts";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import { suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { ANN, CUT_OUT, emptyWorld, reserveInput, trialLot } from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import { refused } from "../support/world.ts";

describe("RegisterUser", () => {
  it("gives the trial membership and its quota, which end together", () => {
    const world = emptyWorld(10n);
    const { membership, grantedAmount } = world.accept(registerUser, { userId: ANN });
    const endMs = world.nowMs + 30 * DAY_MS;
    assert.equal(grantedAmount, 10n);
    assert.deepEqual(membership, {
      userId: ANN,
      userState: "ACTIVE",
      state: "TRIAL",
      planId: "trial",
      startTimeMs: world.nowMs,
      expireTimeMs: endMs,
      createTimeMs: world.nowMs,
      suspendReason: "",
    });
    const lot = trialLot(world);
    assert.deepEqual([lot.amount, lot.remaining, lot.priority], [10n, 10n, 20]);
    assert.deepEqual([lot.sourceId, lot.expireTimeMs], [ANN, endMs]);
    assertBooks(world);
  });

  it("gives it once, whatever the key, and in one batch too", () => {
    const world = emptyWorld(10n);
    const [first, second] = world.sendAll([
      { useCase: registerUser, input: { userId: ANN } },
      { useCase: registerUser, input: { userId: ANN } },
    ] as never);
    assert.ok("answer" in first!);
    assert.equal(refused(second!).reason, "USER_ALREADY_REGISTERED");
    const refusal = world.refuse(registerUser, { userId: ANN });
    assert.deepEqual([refusal.reason, refusal.facts], ["USER_ALREADY_REGISTERED", { userId: ANN }]);
    assert.equal(world.users.get(ANN)!.available, 10n);
    assertBooks(world);
  });

  it("lets the user reserve in the same batch", () => {
    const world = emptyWorld(10n);
    const results = world.sendAll([
      { useCase: registerUser, input: { userId: ANN } },
      { useCase: reserveQuota, input: reserveInput(CUT_OUT) },
    ] as never);
    assert.ok(results.every((result) => "answer" in result));
    assertBooks(world);
  });

  it("leaves nobody behind when it is only previewed", () => {
    const world = emptyWorld(10n);
    world.accept(registerUser, { userId: ANN }, { validateOnly: true });
    assert.equal(world.users.size, 0);
    assert.equal(world.lots.size, 0);
    assert.equal(world.refuse(reserveQuota, reserveInput(CUT_OUT)).reason, "USER_NOT_FOUND");
    world.accept(registerUser, { userId: ANN });
  });

  it("doesn't register again who was suspended, or whose membership is over", () => {
    const world = emptyWorld(10n);
    world.accept(registerUser, { userId: ANN });
    world.accept(suspendUser, { userId: ANN, reason: "fraud" });
    world.nowMs += 365 * DAY_MS;
    assert.equal(world.refuse(registerUser, { userId: ANN }).reason, "USER_ALREADY_REGISTERED");
  });

  it("gives a membership that ends at its very millisecond", () => {
    const world = emptyWorld(10n);
    world.accept(registerUser, { userId: ANN });
    // The trial's quota ends at the same moment; only what costs nothing tells them apart.
    const free = reserveInput("free" as typeof CUT_OUT);
    world.nowMs += 30 * DAY_MS - 1;
    world.accept(reserveQuota, free);
    world.nowMs += 1;
    const refusal = world.refuse(reserveQuota, free);
    assert.deepEqual([refusal.reason, refusal.facts], ["MEMBERSHIP_REQUIRED", { userId: ANN }]);
  });
});
