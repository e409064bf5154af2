import assert from "node:assert/strict";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import { resumeUser, suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import { extendReservation } from "../../../src/billing/quota/extend-reservation.ts";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import {
  ANN,
  BOB,
  CUT_OUT,
  commit,
  emptyWorld,
  grant,
  letExpire,
  refund,
  reserve,
  reserveInput,
  worldWithAnn,
} from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import { refused, type World } from "../support/world.ts";

function suspend(world: World, reason = "fraud") {
  return world.accept(suspendUser, { userId: ANN, reason }).membership;
}

function resume(world: World) {
  return world.accept(resumeUser, { userId: ANN, reason: "cleared" }).membership;
}

describe("SuspendUser", () => {
  it("stops new holds, and ResumeUser lets them pass again", () => {
    const world = worldWithAnn();
    const { userState, suspendReason, state } = suspend(world);
    assert.deepEqual([userState, suspendReason, state], ["SUSPENDED", "fraud", "TRIAL"]);
    assert.equal(world.refuse(reserveQuota, reserveInput(CUT_OUT)).reason, "USER_SUSPENDED");
    const resumed = resume(world);
    assert.deepEqual([resumed.userState, resumed.suspendReason], ["ACTIVE", ""]);
    reserve(world);
    assertBooks(world);
  });

  it("keeps the first reason when the user is suspended already", () => {
    const world = worldWithAnn();
    suspend(world, "fraud");
    assert.equal(suspend(world, "another").suspendReason, "fraud");
    resume(world);
    assert.equal(resume(world).userState, "ACTIVE");
    assert.equal(suspend(world, "another").suspendReason, "another");
  });

  it("leaves open holds to be settled in every way", () => {
    const world = worldWithAnn(10n);
    const holds = [1, 2, 3, 4].map(() => reserve(world));
    suspend(world);
    commit(world, holds[0]!);
    refund(world, holds[1]!);
    const { reservationId } = holds[2]!;
    world.accept(extendReservation, { reservationId, ttlMs: 3_600_000 });
    assert.equal(letExpire(world, holds[3]!).state, "EXPIRED");
    commit(world, holds[3]!);
    assertBooks(world);
  });

  it("doesn't stop lawful quota from being granted", () => {
    const world = worldWithAnn(10n);
    suspend(world);
    grant(world, 5n);
    assert.equal(world.users.get(ANN)!.available, 15n);
  });

  it("moves no quota", () => {
    const world = worldWithAnn();
    const rows = world.logs.length;
    suspend(world);
    resume(world);
    assert.equal(world.logs.length, rows);
  });

  it("sees what the same batch did before it, and is seen by what comes after", () => {
    const world = worldWithAnn();
    const [first, , third, , fifth] = world.sendAll([
      { useCase: reserveQuota, input: reserveInput(CUT_OUT) },
      { useCase: suspendUser, input: { userId: ANN, reason: "fraud" } },
      { useCase: reserveQuota, input: reserveInput(CUT_OUT) },
      { useCase: resumeUser, input: { userId: ANN, reason: "cleared" } },
      { useCase: reserveQuota, input: reserveInput(CUT_OUT) },
    ] as never);
    assert.ok("answer" in first! && "answer" in fifth!);
    assert.equal(refused(third!).reason, "USER_SUSPENDED");
    assertBooks(world);
  });

  for (const useCase of [suspendUser, resumeUser]) {
    it(`has ${useCase.method} refused for an unknown user, in whatever batch`, () => {
      const world = emptyWorld();
      const input = { userId: BOB, reason: "fraud" };
      assert.equal(world.refuse(useCase, input).reason, "USER_NOT_FOUND");
      const preview = { validateOnly: true };
      const [first, , third] = world.sendAll([
        { useCase, input },
        { useCase: registerUser, input: { userId: BOB }, options: preview },
        { useCase, input },
      ] as never);
      assert.equal(refused(first!).reason, "USER_NOT_FOUND");
      assert.equal(refused(third!).reason, "USER_NOT_FOUND");
      assert.equal(world.users.size, 0);
    });
  }
});
