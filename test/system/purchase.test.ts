import assert from "node:assert/strict";
import { MembershipServiceService } from "../../src/gen/billing/membership/v1/membership_service.ts";
import { Membership_State } from "../../src/gen/billing/membership/v1/membership.ts";
import {
  Order_State,
  Payment_Disposition,
  Refund_State,
} from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as service } from "../../src/gen/billing/order/v1/order_service.ts";
import { unique } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";
import { openTill, orderIdOf, type Till } from "../support/till.ts";

for (const flavour of flavours()) {
  describe(`a purchase on ${flavour}`, () => {
    let till: Till;
    before(async () => (till = await openTill(flavour)));
    after(() => till.close());

    const stateOf = async (orderId: string) => (await till.get(orderId)).order!.state;
    const isPaid = (orderId: string) => async () => (await stateOf(orderId)) === Order_State.PAID;

    it("gives membership and quota a moment after the payment", async () => {
      const userId = await till.user();
      const placed = await till.order(userId);
      assert.equal(placed.order!.amountFen, 9_900n);
      assert.equal(placed.order!.state, Order_State.PENDING);
      assert.equal(placed.paymentParameters!.method!.$case, "codeUrl");
      const { orderId } = placed.order!;
      till.simulator.user.pay(orderId);
      await till.until(isPaid(orderId));
      const { membership } = await till.service.call(MembershipServiceService.getMembership, {
        userId,
      });
      assert.equal(membership!.state, Membership_State.ACTIVE);
      assert.equal(await till.balance(userId), 300n);
      const { payments, transitions } = await till.get(orderId);
      assert.equal(payments.length, 1);
      assert.equal(payments[0]!.disposition, Payment_Disposition.GRANTED);
      assert.deepEqual(
        transitions.map(({ toState }) => toState),
        ["CREATED", "PENDING", "PAID"],
      );
    });

    it("answers the same order to the same key, and takes no second one", async () => {
      const userId = await till.user();
      const idempotencyKey = unique("same");
      const answers = await Promise.all(
        [1, 2, 3].map(() => till.order(userId, { idempotencyKey })),
      );
      assert.equal(new Set(answers.map(orderIdOf)).size, 1);
      assert.equal(answers.filter(({ replayed }) => replayed).length, 2);
    });

    it("finds a payment of which no callback ever came", async () => {
      const userId = await till.user();
      const orderId = orderIdOf(await till.order(userId));
      till.simulator.faults.callbacks.drop({ chance: 1 });
      till.simulator.user.pay(orderId);
      assert.equal(await stateOf(orderId), Order_State.PENDING);
      await till.advance(31_000);
      await till.checker.check();
      assert.equal(await stateOf(orderId), Order_State.PAID);
      till.simulator.faults.callbacks.drop({ chance: 0 });
    });

    it("closes what nobody paid in time, there and here", async () => {
      const userId = await till.user();
      const orderId = orderIdOf(await till.order(userId));
      await till.advance(2 * 3_600_000 + 1_000);
      await till.checker.check();
      assert.equal(await stateOf(orderId), Order_State.CLOSED);
      assert.equal(till.simulator.orders.find(orderId)!.state, "CLOSED");
    });

    it("sends money back, and takes the quota back that it had paid for", async () => {
      const userId = await till.user();
      const orderId = orderIdOf(await till.order(userId));
      till.simulator.user.pay(orderId);
      await till.until(isPaid(orderId));
      const answer = await till.service.call(service.refundOrder, {
        idempotencyKey: unique("refund"),
        orderId,
        amountFen: 9_900n,
        reason: "不想要了",
        paymentId: "",
        validateOnly: false,
      });
      assert.equal(answer.order!.state, Order_State.REFUNDED);
      assert.equal(await till.balance(userId), 0n);
      const { refundId } = answer.refund!;
      await till.until(async () => {
        await till.advance(60_000);
        await till.checker.check();
        const { refund } = await till.service.call(service.getRefund, { refundId });
        return refund!.state === Refund_State.SUCCEEDED;
      });
    });
  });
}
