import assert from "node:assert/strict";
import { getMembership } from "../../../src/billing/membership/get-membership.ts";
import { membershipOf } from "../../../src/billing/membership/membership.ts";
import { Refusal } from "../../../src/billing/refusal.ts";
import { ANN, BOB, worldWithAnn } from "../support/actions.ts";

describe("GetMembership", () => {
  const world = worldWithAnn();
  const reader = {
    findMembership: async (userId: typeof ANN) => {
      const user = world.users.get(userId);
      return user && membershipOf(user, world.nowMs);
    },
  };

  it("gives the membership, and refuses an unknown user", async () => {
    assert.equal((await getMembership(reader, ANN)).planId, "trial");
    const isUnknown = (fault: unknown) =>
      fault instanceof Refusal && fault.reason === "USER_NOT_FOUND";
    await assert.rejects(getMembership(reader, BOB), isUnknown);
  });
});

describe("the state of a membership", () => {
  const user = worldWithAnn().users.get(ANN)!;
  const untilMs = user.membershipUntilMs!;

  it("is TRIAL on the trial plan, ACTIVE on another, and LAPSED from the last moment on", () => {
    assert.equal(membershipOf(user, untilMs - 1).state, "TRIAL");
    assert.equal(membershipOf({ ...user, onTrial: false }, untilMs - 1).state, "ACTIVE");
    assert.equal(membershipOf(user, untilMs).state, "LAPSED");
    assert.equal(membershipOf({ ...user, onTrial: false }, untilMs).state, "LAPSED");
  });
});
