import assert from "node:assert/strict";
import type { FeatureId } from "../../../src/billing/id.ts";
import { checkEntitlement } from "../../../src/billing/membership/check-entitlement.ts";
import { suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import {
  ANN,
  BOB,
  CUT_OUT,
  LISTED,
  VIDEO,
  WITHDRAWN,
  limitBy,
  reserve,
  worldWithAnn,
} from "../support/actions.ts";
import { readerOf } from "../support/reader.ts";
import type { World } from "../support/world.ts";

async function reasons(world: World, featureId: FeatureId, userId = ANN): Promise<string[]> {
  const { refusals } = await checkEntitlement(readerOf(world), { userId, featureId });
  return refusals.map(({ reason }) => reason);
}

describe("CheckEntitlement", () => {
  it("has nothing against a member, whatever limits and balance say", async () => {
    const world = worldWithAnn(1n);
    limitBy(world, { maxInFlight: 1 });
    reserve(world);
    assert.deepEqual(await reasons(world, VIDEO), []);
  });

  it("gives every reason against a use, in order of precedence", async () => {
    const world = worldWithAnn();
    world.accept(suspendUser, { userId: ANN, reason: "fraud" });
    world.nowMs = world.users.get(ANN)!.membershipUntilMs!;
    const both = ["USER_SUSPENDED", "MEMBERSHIP_REQUIRED"];
    assert.deepEqual(await reasons(world, LISTED), [...both, "FEATURE_ACCESS_DENIED"]);
    const withdrawn = ["USER_SUSPENDED", "FEATURE_NOT_PUBLISHED", "MEMBERSHIP_REQUIRED"];
    assert.deepEqual(await reasons(world, WITHDRAWN), withdrawn);
    const unknown = ["USER_SUSPENDED", "FEATURE_NOT_FOUND", "MEMBERSHIP_REQUIRED"];
    assert.deepEqual(await reasons(world, "none" as FeatureId), unknown);
  });

  it("opens a listed feature to members on its list only", async () => {
    const world = worldWithAnn();
    assert.deepEqual(await reasons(world, LISTED), ["FEATURE_ACCESS_DENIED"]);
    world.access.set(LISTED, new Set([ANN]));
    assert.deepEqual(await reasons(world, LISTED), []);
  });

  it("gives the membership with it, and none for an unknown user", async () => {
    const world = worldWithAnn();
    const known = await checkEntitlement(readerOf(world), { userId: ANN, featureId: CUT_OUT });
    assert.equal(known.membership!.state, "TRIAL");
    world.nowMs = known.membership!.expireTimeMs;
    const lapsed = await checkEntitlement(readerOf(world), { userId: ANN, featureId: CUT_OUT });
    assert.equal(lapsed.membership!.state, "LAPSED");
    const unknown = await checkEntitlement(readerOf(world), { userId: BOB, featureId: CUT_OUT });
    assert.equal(unknown.membership, null);
    assert.deepEqual(await reasons(world, CUT_OUT, BOB), ["USER_NOT_FOUND"]);
  });
});
