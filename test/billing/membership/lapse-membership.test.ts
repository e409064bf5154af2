import assert from "node:assert/strict";
import { DAY_MS } from "../../../src/billing/clock.ts";
import { lapseMembership, tellExpiry } from "../../../src/billing/membership/lapse-membership.ts";
import { resumeUser, suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import { ANN, emptyWorld, register, worldWithAnn } from "../support/actions.ts";
import type { World } from "../support/world.ts";
import { Shop } from "../order/shop.ts";

const job = { key: null };
const lapse = (world: World) => world.accept(lapseMembership, { userId: ANN }, job).lapsed;
const tell = (world: World, days = 3) =>
  world.accept(tellExpiry, { userId: ANN, aheadMs: days * DAY_MS }, job).told;
const steps = (world: World) => world.membershipSteps.map(({ event }) => event);
const told = (world: World) => world.events.map(({ type }) => type);

describe("the sweeper's commands on memberships", () => {
  it("record an end once, from its very millisecond on, and tell of it", () => {
    const world = worldWithAnn();
    const untilMs = world.users.get(ANN)!.membershipUntilMs!;
    world.nowMs = untilMs - 1;
    assert.equal(lapse(world), false);
    world.nowMs = untilMs;
    assert.equal(lapse(world), true);
    assert.equal(lapse(world), true);
    assert.deepEqual(steps(world), ["REGISTERED", "LAPSED"]);
    const step = world.membershipSteps.at(-1)!;
    assert.deepEqual([step.fromState, step.toState], ["TRIAL", "LAPSED"]);
    assert.deepEqual([step.source, step.actor], ["CLOCK", "billing-guard"]);
    assert.deepEqual(told(world), ["membership.registered", "membership.lapsed"]);
    assert.equal(world.users.get(ANN)!.membershipState, "LAPSED");
  });

  it("leave no step out when a purchase comes before them", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    shop.bought(user);
    shop.days(40);
    shop.bought(user);
    shop.bought(user);
    assert.deepEqual(steps(shop), ["REGISTERED", "ACTIVATED", "LAPSED", "ACTIVATED", "RENEWED"]);
    const ends = shop.membershipSteps.slice(1).map(({ endBeforeMs }) => endBeforeMs);
    const before = shop.membershipSteps.map(({ endAfterMs }) => endAfterMs).slice(0, -1);
    assert.deepEqual(ends, before, "each step begins with the end that the last one left");
  });

  it("record an end also when the command that finds it is refused, and in a preview", () => {
    for (const more of [{}, { validateOnly: true }]) {
      const world = worldWithAnn();
      world.nowMs = world.users.get(ANN)!.membershipUntilMs!;
      world.accept(suspendUser, { userId: ANN, reason: "fraud" }, more);
      assert.equal(steps(world)[1], "LAPSED");
    }
  });

  it("record the end of who is suspended, and keep the suspension", () => {
    const world = worldWithAnn();
    world.accept(suspendUser, { userId: ANN, reason: "fraud" });
    world.nowMs += 365 * DAY_MS;
    lapse(world);
    const { state, membershipState } = world.users.get(ANN)!;
    assert.deepEqual([state, membershipState], ["SUSPENDED", "LAPSED"]);
    world.accept(resumeUser, { userId: ANN, reason: "cleared" });
    assert.deepEqual(steps(world), ["REGISTERED", "SUSPENDED", "LAPSED", "RESUMED"]);
  });

  it("tell once of each end that comes soon, and again when the end has moved", () => {
    const shop = new Shop();
    const user = shop.register(ANN);
    shop.bought(user);
    const untilMs = () => shop.users.get(user)!.membershipUntilMs!;
    shop.nowMs = untilMs() - 3 * DAY_MS - 1;
    assert.equal(tell(shop), false);
    shop.nowMs += 1;
    assert.deepEqual([tell(shop), tell(shop)], [true, false]);
    shop.bought(user);
    assert.equal(tell(shop), false);
    shop.nowMs = untilMs() - 1;
    assert.deepEqual([tell(shop), tell(shop)], [true, false]);
    shop.nowMs += 1;
    assert.equal(tell(shop), false, "what is over isn't told of as coming");
    const events = told(shop).filter((type) => type === "membership.expiring");
    assert.equal(events.length, 2);
  });

  it("ask nobody to stay whom risk control has stopped", () => {
    const world = emptyWorld();
    register(world, ANN);
    world.accept(suspendUser, { userId: ANN, reason: "fraud" });
    assert.equal(tell(world, 30), false);
    world.accept(resumeUser, { userId: ANN, reason: "cleared" });
    assert.equal(tell(world, 30), true);
  });
});
