import assert from "node:assert/strict";
import * as fc from "fast-check";
import { addMonths } from "../../../src/billing/calendar.ts";
import type { OrderId, RefundId, UserId } from "../../../src/billing/id.ts";
import { settleLots } from "../../../src/billing/quota/settle-lots.ts";
import { markClosed } from "../../../src/billing/order/mark-closed.ts";
import { placeOrder } from "../../../src/billing/order/place-order.ts";
import { requestRefund } from "../../../src/billing/order/request-refund.ts";
import { MONTH, Shop } from "./shop.ts";

describe("orders, decided", () => {
  it("gives membership and quota for a payment, once, however often it becomes known", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    const orderId = shop.buy(user);
    const trade = shop.trade(orderId);
    const said = [1, 2, 3].map(() => shop.settle(orderId, trade).settled);
    assert.deepEqual(said, ["granted", "known", "known"]);
    assert.equal(shop.order(orderId).state, "PAID");
    assert.equal(shop.users.get(user)!.available, 10n + MONTH.quotaAmount);
    assert.equal(shop.users.get(user)!.membershipUntilMs, addMonths(shop.nowMs, 1));
    assert.equal(shop.orders.get(orderId)!.payments.length, 1);
  });

  it("extends a paid membership from its end, each period with quota of its own", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    shop.bought(user);
    const end = shop.users.get(user)!.membershipUntilMs!;
    shop.days(10);
    const renewal = shop.bought(user, 2);
    assert.equal(shop.order(renewal).membershipStartMs, end);
    assert.equal(shop.users.get(user)!.membershipUntilMs, addMonths(end, 2));
    assert.equal(
      shop.users.get(user)!.available,
      310n,
      "the renewal's quota comes with its periods",
    );
    shop.nowMs = end;
    shop.accept(settleLots, { userId: user }, { key: null });
    // The first month's quota is over, and so is the trial's 30 days.
    assert.equal(shop.users.get(user)!.available, 300n);
  });

  it("keeps the 31st where a month has one, counted from where the chain began", () => {
    const shop = new Shop();
    shop.nowMs = Date.UTC(2027, 0, 31, 4);
    const user = shop.register("alice");
    const orders = [1, 2, 3].map(() => shop.bought(user));
    const ends = orders.map((id) => new Date(shop.order(id).membershipEndMs!).toISOString());
    assert.deepEqual(ends, [
      "2027-02-28T04:00:00.000Z",
      "2027-03-31T04:00:00.000Z",
      "2027-04-30T04:00:00.000Z",
    ]);
  });

  it("quarantines what contradicts the order, and gives nothing for it", () => {
    const wrong = [
      { totalFen: 9_899n },
      { totalFen: 9_901n },
      { totalFen: 0n },
      { totalFen: null },
      { currency: "USD" },
      { currency: null },
      { state: "REFUND" },
    ] as const;
    for (const more of wrong) {
      const shop = new Shop();
      const orderId = shop.buy(shop.register("alice"));
      assert.equal(shop.settle(orderId, shop.trade(orderId, more)).settled, "quarantined");
      assert.equal(shop.order(orderId).state, "CREATED");
      assert.equal(shop.orders.get(orderId)!.payments[0]!.disposition, "QUARANTINED");
      assert.equal(shop.events.at(-1)!.type, "payment.quarantined");
      // The right payment is still granted.
      assert.equal(shop.settle(orderId).settled, "granted");
    }
  });

  it("sends a second payment of one order back, whole, and keeps what the first gave", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    const orderId = shop.bought(user);
    const { settled, refundId } = shop.settle(orderId);
    assert.equal(settled, "returned");
    assert.equal(shop.refund(refundId!).amountFen, 9_900n);
    assert.equal(shop.order(orderId).state, "PAID");
    assert.equal(shop.users.get(user)!.available, 310n);
  });

  it("grants what was paid before the order was closed, and sends back what was paid after", () => {
    for (const [paidAfterMs, settled] of [
      [-1, "granted"],
      [1, "returned"],
    ] as const) {
      const shop = new Shop();
      const user = shop.register("alice");
      const orderId = shop.buy(user);
      shop.nowMs += 60_000;
      shop.accept(markClosed, { orderId, reason: "test", source: "CALL" }, { userId: user });
      const successTimeMs = shop.nowMs + paidAfterMs;
      shop.nowMs += 60_000;
      assert.equal(shop.settle(orderId, shop.trade(orderId, { successTimeMs })).settled, settled);
      assert.equal(shop.order(orderId).state, settled === "granted" ? "PAID" : "CLOSED");
    }
  });

  it("ends the membership and takes the unused quota back with all of the money", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    const orderId = shop.bought(user, 3);
    shop.days(2);
    const refundId = shop.payBack(orderId, 29_700n);
    assert.equal(shop.order(orderId).state, "REFUNDED");
    assert.equal(shop.users.get(user)!.membershipUntilMs, shop.nowMs);
    assert.equal(shop.users.get(user)!.available, 10n);
    assert.equal(shop.promised(user), 0n);
    shop.hear(refundId, "PROCESSING");
    shop.hear(refundId, "SUCCESS");
    assert.equal(shop.refund(refundId).state, "SUCCEEDED");
  });

  it("gives all back when a refund is closed, and takes it again when it turns out to be paid", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    const orderId = shop.bought(user, 3);
    const before = shop.promised(user);
    const until = shop.users.get(user)!.membershipUntilMs;
    shop.days(1);
    const refundId = shop.payBack(orderId, 15_000n);
    assert.equal(shop.promised(user), (900n * 14_700n) / 29_700n);
    shop.hear(refundId, "CLOSED");
    assert.equal(shop.promised(user), before);
    assert.equal(shop.users.get(user)!.membershipUntilMs, until);
    assert.equal(shop.order(orderId).state, "PAID");
    shop.hear(refundId, "SUCCESS");
    assert.equal(shop.promised(user), (900n * 14_700n) / 29_700n);
    assert.equal(shop.order(orderId).state, "PARTIALLY_REFUNDED");
    assert.equal(shop.hear(refundId, "CLOSED").settled, "known", "what was paid stays paid");
  });

  it("calls a person when a closed refund is said to be paid beside the one that took its place", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    const orderId = shop.bought(user);
    const first = shop.payBack(orderId, 9_900n);
    shop.hear(first, "CLOSED");
    shop.days(1);
    const second = shop.payBack(orderId, 9_900n);
    shop.hear(second, "SUCCESS");
    assert.equal(shop.hear(first, "SUCCESS").settled, "contradicted");
    assert.equal(shop.order(orderId).refundedFen, 9_900n);
    assert.match(shop.refund(first).obstacle, /9900 fen more than came in/);
    assert.equal(shop.refund(first).state, "CLOSED");
  });

  it("refuses to end periods that a later order's periods follow", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    const first = shop.bought(user);
    const second = shop.bought(user);
    const refuse = (orderId: OrderId) =>
      shop.refuse(requestRefund, { orderId, amountFen: 9_900n, reason: "test", paymentId: null })
        .reason;
    assert.equal(refuse(first), "REFUND_NOT_LATEST");
    shop.payBack(second, 9_900n);
    shop.payBack(first, 9_900n);
    assert.equal(shop.users.get(user)!.membershipUntilMs, shop.nowMs);
  });

  it("refunds no more than came in, 50 times at most and a minute apart", () => {
    const shop = new Shop();
    const orderId = shop.bought(shop.register("alice"), 1, "pack");
    const input = { orderId, amountFen: 10n, reason: "test", paymentId: null };
    const tooMuch = shop.refuse(requestRefund, { ...input, amountFen: 3_901n });
    assert.equal(tooMuch.reason, "REFUND_EXCEEDS_PAID");
    shop.accept(requestRefund, input);
    const tooSoon = shop.refuse(requestRefund, input);
    assert.equal(tooSoon.reason, "REFUND_LIMIT_REACHED");
    assert.equal(tooSoon.retryAfterMs, 60_000);
    for (let n = 2; n <= 50; n++) {
      shop.nowMs += 60_000;
      shop.accept(requestRefund, input);
    }
    shop.nowMs += 60_000;
    const tooMany = shop.refuse(requestRefund, input);
    assert.equal(tooMany.reason, "REFUND_LIMIT_REACHED");
    assert.equal(tooMany.retryAfterMs, undefined);
  });

  it("refuses a twenty-first open order, what isn't sold, and the trial", () => {
    const shop = new Shop();
    const user = shop.register("alice");
    for (let n = 1; n <= 20; n++) shop.buy(user);
    const input = {
      userId: user,
      product: { planId: MONTH.planId },
      quantity: 1,
      channel: "NATIVE",
      payerOpenid: null,
      clientIp: null,
    } as const;
    assert.equal(shop.refuse(placeOrder, input).reason, "ORDER_LIMIT_REACHED");
    const other = shop.register("bob");
    const unknown = { ...input, userId: other, product: { planId: "none" as typeof MONTH.planId } };
    assert.equal(shop.refuse(placeOrder, unknown).reason, "PLAN_NOT_FOUND");
    shop.month = { ...MONTH, trial: true };
    assert.equal(
      shop.refuse(placeOrder, { ...input, userId: other }).reason,
      "PRODUCT_NOT_FOR_SALE",
    );
  });

  it("keeps money, membership and quota agreed, whatever is bought, paid and refunded", () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant("buy" as const),
        quantity: fc.integer({ min: 1, max: 3 }),
        product: fc.constantFrom("month" as const, "pack" as const),
      }),
      fc.record({ do: fc.constant("pay" as const), at: fc.nat(9), again: fc.boolean() }),
      fc.record({
        do: fc.constant("refund" as const),
        at: fc.nat(9),
        share: fc.integer({ min: 1, max: 100 }),
      }),
      fc.record({
        do: fc.constant("hear" as const),
        at: fc.nat(9),
        status: fc.constantFrom(
          "PROCESSING" as const,
          "SUCCESS" as const,
          "CLOSED" as const,
          "ABNORMAL" as const,
        ),
      }),
      fc.record({ do: fc.constant("wait" as const), hours: fc.integer({ min: 1, max: 900 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const shop = new Shop();
        const user = shop.register("alice");
        for (const each of steps) perform(shop, user, each);
        checkBooks(shop, user);
      }),
      { numRuns: 300 },
    );
  });
});

type Move =
  | { do: "buy"; quantity: number; product: "month" | "pack" }
  | { do: "pay"; at: number; again: boolean }
  | { do: "refund"; at: number; share: number }
  | { do: "hear"; at: number; status: "PROCESSING" | "SUCCESS" | "CLOSED" | "ABNORMAL" }
  | { do: "wait"; hours: number };

function perform(shop: Shop, user: UserId, move: Move): void {
  const orders = [...shop.orders.keys()];
  const refunds = [...shop.orders.values()].flatMap((file) =>
    file.refunds.map(({ refundId }) => refundId),
  );
  switch (move.do) {
    case "buy":
      if (orders.length < 10) shop.buy(user, move.quantity, move.product);
      return;
    case "pay": {
      const orderId = orders[move.at % Math.max(1, orders.length)];
      if (orderId === undefined) return;
      const before = shop.orders.get(orderId)!.payments[0];
      const again = move.again && before ? { transactionId: before.transactionId } : {};
      shop.settle(orderId, shop.trade(orderId, again));
      return;
    }
    case "refund": {
      const orderId = orders[move.at % Math.max(1, orders.length)];
      if (orderId === undefined) return;
      const amountFen = (shop.order(orderId).amountFen * BigInt(move.share)) / 100n;
      shop.send(requestRefund, { orderId, amountFen, reason: "test", paymentId: null });
      return;
    }
    case "hear": {
      const refundId: RefundId | undefined = refunds[move.at % Math.max(1, refunds.length)];
      if (refundId !== undefined) shop.hear(refundId, move.status);
      return;
    }
    case "wait":
      shop.nowMs += move.hours * 3_600_000;
      shop.accept(settleLots, { userId: user }, { key: null });
      return;
    default:
      move satisfies never;
  }
}

function checkBooks(shop: Shop, user: UserId): void {
  const row = shop.users.get(user)!;
  const open = [...shop.lots.values()].filter(({ state }) => state === "OPEN");
  assert.equal(
    row.available,
    open.reduce((sum, lot) => sum + lot.remaining, 0n),
    "balance = open lots",
  );
  assert.ok(row.available >= 0n);
  const logged = shop.logs.reduce((sum, entry) => sum + entry.available, 0n);
  assert.equal(logged, row.available, "the log, replayed, is the balance");
  for (const { order, payments, refunds } of shop.orders.values()) {
    const granted = payments.filter(({ disposition }) => disposition === "GRANTED");
    assert.equal(granted.length, order.paymentId === null ? 0 : 1, "one payment is granted");
    const back = refunds.filter(
      (refund) => refund.paymentId === order.paymentId && refund.state !== "CLOSED",
    );
    const sum = back.reduce((total, { amountFen }) => total + amountFen, 0n);
    assert.equal(order.refundedFen, sum, "what goes back stands in the order");
    assert.ok(order.refundedFen <= order.amountFen && order.revokedAmount <= order.grantedAmount);
    assert.ok(order.revokedAmount >= 0n);
    const doubled = payments.filter(({ disposition }) => disposition === "RETURNED");
    for (const payment of doubled) {
      assert.ok(
        refunds.some(
          ({ paymentId, amountFen }) =>
            paymentId === payment.paymentId && amountFen === payment.amountFen,
        ),
      );
    }
    const steps = shop.steps.filter(({ subjectId }) => subjectId === order.orderId);
    assert.deepEqual(
      steps.map(({ sequence }) => sequence),
      steps.map((_, at) => at + 1),
    );
    assert.equal(steps.at(-1)!.toState, order.state, "the last step is the state");
    assert.equal(steps.length, order.steps);
  }
}
