import assert from "node:assert/strict";
import * as fc from "fast-check";
import { addMonths } from "../../../src/billing/calendar.ts";
import type { Plan } from "../../../src/billing/catalog/plan.ts";
import { DAY_MS, HOUR_MS } from "../../../src/billing/clock.ts";
import type { OrderId, UserId } from "../../../src/billing/id.ts";
import { tellExpiry } from "../../../src/billing/membership/lapse-membership.ts";
import { requestRefund } from "../../../src/billing/order/request-refund.ts";
import { settleLots } from "../../../src/billing/quota/settle-lots.ts";
import { commitQuota } from "../../../src/billing/quota/commit-quota.ts";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { CUT_OUT, feature, commit, refund, refundInput, reserveInput } from "../support/actions.ts";
import { MONTH, Shop } from "../order/shop.ts";

const DAYS: Plan = { ...MONTH, periodMonths: 0, periodDays: 7 };
const PRICE = MONTH.priceFen;

/** A shop in which what was bought can be used. The trial is drawn first: 10 quota units. */
function openShop(month: Plan = MONTH): { shop: Shop; user: UserId } {
  const shop = new Shop();
  shop.month = month;
  shop.features.set(CUT_OUT, feature(CUT_OUT));
  return { shop, user: shop.register("alice") };
}

const use = (shop: Shop, userId: UserId, quantity: number) =>
  shop.accept(reserveQuota, reserveInput(CUT_OUT, { userId, quantity })).reservation;

const untilOf = (shop: Shop, user: UserId) => shop.users.get(user)!.membershipUntilMs!;

/** The lots that an order gave, by the begin of their period. */
const lotsOf = (shop: Shop, orderId: OrderId) =>
  [...shop.lots.values()]
    .filter(({ sourceId }) => sourceId.startsWith(orderId))
    .sort((left, right) => left.effectiveTimeMs - right.effectiveTimeMs);

const settle = (shop: Shop, user: UserId) => shop.accept(settleLots, { userId: user }, { key: null });

describe("what a purchase gives, and what a refund takes back", () => {
  it("goes as docs/membership.md tells by example", () => {
    const at = (text: string) => Date.parse(`2027-${text}:00+08:00`);
    const { shop } = openShop();
    shop.trialPlan = { ...shop.trialPlan, periodDays: 7, quotaAmount: 20n };
    const come = (text: string) => void (shop.nowMs = at(text));
    come("01-27T10:00");
    const user = shop.register("bob");
    const is = (state: string, until: string, available: bigint, waiting = 0n) => {
      settle(shop, user);
      const row = shop.users.get(user)!;
      assert.deepEqual(
        [row.membershipState, row.membershipUntilMs, row.available],
        [state, at(until), available],
      );
      assert.equal(shop.promised(user) - waiting <= row.available, true);
      const lots = [...shop.lots.values()].filter((lot) => lot.userId === user && lot.state === "SCHEDULED");
      assert.equal(lots.reduce((sum, { amount }) => sum + amount, 0n), waiting);
    };
    is("TRIAL", "02-03T10:00", 20n);
    come("01-31T09:00");
    shop.bought(user);
    is("ACTIVE", "02-28T09:00", 320n);
    come("02-03T10:00");
    is("ACTIVE", "02-28T09:00", 300n);
    come("02-20T09:00");
    const two = shop.bought(user, 2);
    is("ACTIVE", "04-30T09:00", 300n, 600n);
    const isTold = () =>
      shop.accept(tellExpiry, { userId: user, aheadMs: 3 * DAY_MS }, { key: null }).told;
    come("02-25T09:00");
    assert.equal(isTold(), false);
    come("02-28T09:00");
    is("ACTIVE", "04-30T09:00", 300n, 300n);
    come("03-10T09:00");
    shop.payBack(two, PRICE);
    is("ACTIVE", "03-31T09:00", 300n);
    come("03-28T09:00");
    assert.equal(isTold(), true);
    come("03-31T09:00");
    is("LAPSED", "03-31T09:00", 0n);
    come("04-02T12:00");
    shop.bought(user);
    is("ACTIVE", "05-02T12:00", 300n);
  });

  it("keeps what is left of a period by the plan's rollover rule", () => {
    const cases = [["NONE", 0n, 0n], ["ONE_PERIOD", 300n, 0n], ["UNTIL_USED", 300n, 300n]] as const;
    for (const [rollover, afterOne, afterTwo] of cases) {
      const { shop, user } = openShop({ ...DAYS, rollover });
      const orderId = shop.bought(user);
      const left = () => {
        settle(shop, user);
        return lotsOf(shop, orderId).reduce((sum, { remaining }) => sum + remaining, 0n);
      };
      assert.equal(left(), 300n);
      shop.days(7);
      assert.equal(left(), afterOne, rollover);
      shop.days(7);
      assert.equal(left(), afterTwo, rollover);
    }
  });

  it("never takes what a running task holds, nor what was used", () => {
    const { shop, user } = openShop();
    const orderId = shop.bought(user);
    use(shop, user, 10);
    commit(shop, use(shop, user, 50));
    const held = use(shop, user, 100);
    shop.payBack(orderId, PRICE);
    const row = shop.users.get(user)!;
    assert.deepEqual([row.available, row.held], [0n, 110n]);
    assert.equal(shop.order(orderId).revokedAmount, 150n);
    // The task's failure brings back what it held, to the lot it came from.
    refund(shop, held);
    assert.equal(shop.users.get(user)!.available, 100n);
    assert.equal(shop.refuse(reserveQuota, reserveInput(CUT_OUT, { userId: user })).reason, "MEMBERSHIP_REQUIRED");
  });

  it("takes from the latest periods first, and leaves the rest of one that waits", () => {
    const { shop, user } = openShop();
    const orderId = shop.bought(user, 3);
    // 99 + 49.50 of 297 fen stay paid: half of 900 units, and two periods, rounded up.
    shop.payBack(orderId, (PRICE * 3n) / 2n);
    const waiting = lotsOf(shop, orderId).filter(({ state }) => state === "SCHEDULED");
    assert.deepEqual(waiting.map(({ amount }) => amount), [150n]);
    assert.equal(waiting[0]!.effectiveTimeMs, addMonths(shop.nowMs, 1));
    assert.equal(untilOf(shop, user), addMonths(shop.nowMs, 2));
    shop.nowMs = addMonths(shop.nowMs, 1);
    settle(shop, user);
    assert.equal(shop.users.get(user)!.available, 150n);
  });

  it("gives back what was taken of a waiting lot's rest, when it has been used up meanwhile", () => {
    const { shop, user } = openShop({ ...MONTH, rollover: "UNTIL_USED" });
    const orderId = shop.bought(user, 2);
    shop.payBack(orderId, PRICE / 2n);
    shop.nowMs = addMonths(shop.nowMs, 1);
    const second = shop.payBack(orderId, PRICE / 4n);
    const used = shop.users.get(user)!.available;
    commit(shop, use(shop, user, Number(used)));
    assert.equal(shop.users.get(user)!.available, 0n);
    shop.hear(second, "CLOSED");
    assert.equal(shop.users.get(user)!.available, 75n);
  });

  it("gives back after time has passed: lots that would have begun are open, lapsed ones get a grace", () => {
    const { shop, user } = openShop();
    const orderId = shop.bought(user, 3);
    const untilMs = untilOf(shop, user);
    const boughtMs = shop.nowMs;
    const refundId = shop.payBack(orderId, 3n * PRICE);
    assert.equal(shop.users.get(user)!.membershipState, "LAPSED");
    shop.nowMs = addMonths(boughtMs, 2) + DAY_MS;
    settle(shop, user);
    shop.hear(refundId, "CLOSED");
    assert.equal(untilOf(shop, user), untilMs);
    assert.equal(shop.users.get(user)!.available, 900n, "the first two for three days more, the third for its month");
    shop.days(3);
    settle(shop, user);
    assert.equal(shop.users.get(user)!.available, 300n);
    const events = shop.membershipSteps.map(({ event }) => event);
    assert.deepEqual(events, ["REGISTERED", "ACTIVATED", "ENDED", "RESTORED"]);
  });

  it("adds the time at the end when something was bought before the refund was closed", () => {
    for (const plan of [MONTH, DAYS]) {
      const { shop, user } = openShop(plan);
      const orderId = shop.bought(user, 2);
      shop.days(1);
      const cutMs = untilOf(shop, user) - shop.nowMs;
      const refundId = shop.payBack(orderId, 2n * PRICE);
      shop.days(1);
      shop.bought(user);
      const newUntilMs = untilOf(shop, user);
      shop.days(1);
      shop.hear(refundId, "CLOSED");
      assert.equal(untilOf(shop, user), newUntilMs + cutMs);
    }
  });

  it("takes no other order's time when a closed refund turns out to be paid after a renewal", () => {
    for (const plan of [MONTH, DAYS]) {
      const { shop, user } = openShop(plan);
      const first = shop.bought(user);
      const refundId = shop.payBack(first, PRICE);
      shop.hear(refundId, "CLOSED");
      const endMs = untilOf(shop, user);
      const second = shop.bought(user);
      const secondMs = untilOf(shop, user) - endMs;
      shop.hear(refundId, "SUCCESS");
      const leftMs = untilOf(shop, user) - shop.nowMs;
      assert.ok(Math.abs(leftMs - secondMs) <= 3 * DAY_MS, "the second's period is left, whole");
      assert.equal(shop.order(first).state, "REFUNDED");
      // And the second can still be refunded, which ends the membership.
      shop.days(1);
      shop.payBack(second, PRICE);
      assert.equal(untilOf(shop, user), shop.nowMs);
      assert.equal(shop.users.get(user)!.membershipState, "LAPSED");
    }
  });

  it("cuts what was bought by days by days, also after months", () => {
    const { shop, user } = openShop();
    shop.bought(user);
    const endMs = untilOf(shop, user);
    shop.month = DAYS;
    const days = shop.bought(user, 3);
    assert.equal(untilOf(shop, user), endMs + 21 * DAY_MS);
    shop.payBack(days, PRICE);
    assert.equal(untilOf(shop, user), endMs + 14 * DAY_MS);
    shop.nowMs += HOUR_MS;
    shop.payBack(days, 2n * PRICE);
    assert.equal(untilOf(shop, user), endMs);
  });

  it("gives who is suspended what was paid for, and keeps the suspension", () => {
    const { shop, user } = openShop();
    const orderId = shop.buy(user);
    shop.users.get(user)!.state = "SUSPENDED";
    assert.equal(shop.settle(orderId).settled, "granted");
    assert.deepEqual(
      [shop.users.get(user)!.state, shop.users.get(user)!.membershipState],
      ["SUSPENDED", "ACTIVE"],
    );
  });

  it("keeps quota, time and the record agreed, whatever is bought, used, paid back and failed", () => {
    fc.assert(
      fc.property(plans, rollovers, fc.array(moves, { maxLength: 40 }), (plan, rollover, steps) => {
        const { shop, user } = openShop({ ...plan, rollover });
        for (const step of steps) {
          perform(shop, user, step);
          check(shop, user);
        }
      }),
      { numRuns: 300 },
    );
  });
});

const plans = fc.constantFrom(MONTH, DAYS);
const rollovers = fc.constantFrom("NONE" as const, "ONE_PERIOD" as const, "UNTIL_USED" as const);
const nth = fc.nat(9);
const moves = fc.oneof(
  fc.record({ do: fc.constant("buy" as const), quantity: fc.integer({ min: 1, max: 3 }), pack: fc.boolean() }),
  fc.record({ do: fc.constant("pay-back" as const), at: nth, share: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ do: fc.constant("hear" as const), at: nth, status: fc.constantFrom("SUCCESS" as const, "CLOSED" as const) }),
  fc.record({ do: fc.constant("reserve" as const), quantity: fc.integer({ min: 1, max: 200 }) }),
  fc.record({ do: fc.constant("commit" as const), at: nth }),
  fc.record({ do: fc.constant("fail" as const), at: nth }),
  fc.record({ do: fc.constant("wait" as const), hours: fc.integer({ min: 1, max: 400 }) }),
);

type Move = typeof moves extends fc.Arbitrary<infer Value> ? Value : never;

function perform(shop: Shop, user: UserId, move: Move): void {
  const pick = <T>(all: readonly T[], at: number): T | undefined => all[at % Math.max(1, all.length)];
  const held = [...shop.reservations.keys()];
  switch (move.do) {
    case "buy":
      if (shop.orders.size < 8) shop.bought(user, move.quantity, move.pack ? "pack" : "month");
      return;
    case "pay-back": {
      const orderId = pick([...shop.orders.keys()], move.at);
      if (orderId === undefined) return;
      const amountFen = (shop.order(orderId).amountFen * BigInt(move.share)) / 100n;
      const before = shop.users.get(user)!.held;
      shop.send(requestRefund, { orderId, amountFen, reason: "test", paymentId: null });
      assert.equal(shop.users.get(user)!.held, before, "a refund takes nothing that is held");
      return;
    }
    case "hear": {
      const refunds = [...shop.orders.values()].flatMap((file) => file.refunds);
      const found = pick(refunds, move.at);
      if (found !== undefined) shop.hear(found.refundId, move.status);
      return;
    }
    case "reserve":
      shop.send(reserveQuota, reserveInput(CUT_OUT, { userId: user, quantity: move.quantity }));
      return;
    case "commit": {
      const reservationId = pick(held, move.at);
      if (reservationId) shop.send(commitQuota, { reservationId, actualAmount: null });
      return;
    }
    case "fail": {
      const reservationId = pick(held, move.at);
      if (reservationId) shop.send(refundQuota, refundInput({ reservationId }));
      return;
    }
    case "wait":
      shop.nowMs += move.hours * HOUR_MS;
      settle(shop, user);
      return;
    default:
      move satisfies never;
  }
}

function check(shop: Shop, user: UserId): void {
  const row = shop.users.get(user)!;
  const open = [...shop.lots.values()].filter(({ state }) => state === "OPEN");
  assert.equal(row.available, open.reduce((sum, { remaining }) => sum + remaining, 0n));
  const held = [...shop.reservations.values()].filter(({ state }) => state === "HELD");
  assert.equal(row.held, held.reduce((sum, { amount }) => sum + amount, 0n));
  let aheadMs = 30 * DAY_MS;
  for (const [orderId, { order }] of shop.orders) {
    const lots = lotsOf(shop, orderId);
    // What a lot gave and has not any more was used, is held, or has lapsed: only the rest can be taken.
    const usable = lots.reduce((sum, lot) => sum + (lot.state === "SCHEDULED" ? lot.amount : lot.remaining), 0n);
    assert.ok(usable + order.revokedAmount <= order.grantedAmount, "no order gives more than was bought");
    if (order.product.kind === "PACK" || order.paymentId === null) continue;
    const periods = (BigInt(order.quantity) * (order.amountFen - order.refundedFen) + order.amountFen - 1n) / order.amountFen;
    aheadMs += Number(periods) * 31 * DAY_MS;
  }
  assert.ok(row.membershipUntilMs! - shop.nowMs <= aheadMs, "nobody has more time ahead than is paid for");
  const record = shop.membershipSteps;
  assert.equal(record.at(-1)!.toState, row.membershipState, "the record ends with the state");
  assert.equal(record.at(-1)!.endAfterMs, row.membershipUntilMs, "and with the end");
  assert.equal(record.length, row.membershipSteps);
  for (const [at, step] of record.slice(1).entries()) {
    assert.equal(step.endBeforeMs, record[at]!.endAfterMs, "each step goes on from the one before");
  }
}
