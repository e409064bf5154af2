/**
 * Further hostile and unlucky cases of callbacks, answers and requests, against the running service. Each asserts
 * what is in the books afterwards. The numbers are those of hostile-payments.test.ts.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { metrics } from "@opentelemetry/api";
import { createConnection } from "mysql2/promise";
import { GatewayFault, type PrepayRequest } from "../../src/billing/order/gateway.ts";
import {
  Order_State,
  Payment_Disposition,
  Refund_State,
} from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as service } from "../../src/gen/billing/order/v1/order_service.ts";
import { observePayments } from "../../src/telemetry/payment-observer.ts";
import { createGateway } from "../../src/wechat/gateway.ts";
import { openBank, unique, type Bank } from "../support/bank.ts";
import { toldBy } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { keepingLog } from "../support/service.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { openTill, orderIdOf, type Till } from "../support/till.ts";

const PRICE = 9_900;
const NATIVE = "/v3/pay/transactions/native";
const REFUNDS = "/v3/refund/domestic/refunds";
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

type SigningKey = ReturnType<Till["simulator"]["keys"]["signing"]>[number];

for (const flavour of flavours()) {
  describe(`more hostile payments on ${flavour}`, function () {
    this.timeout(180_000);
    let books: Bank;
    let network: TcpProxy;
    let till: Till;
    before(async () => {
      // The service reaches its database by a network that can be broken; the test looks into it directly.
      books = await openBank(flavour);
      const url = new URL(books.url);
      network = await startTcpProxy(Number(url.port));
      url.host = network.address;
      till = await openTill(flavour, { service: { url: url.href } });
      till.simulator.settings.refundSpacing = false;
    });
    after(async () => {
      network?.unblock();
      await till?.close();
      await network?.stop();
      await books?.close();
    });
    afterEach(() => {
      till.simulator.faults.clear();
      till.simulator.faults.callbacks.clear();
    });

    const ordered = async () => {
      const userId = await till.user();
      return { userId, orderId: orderIdOf(await till.order(userId)) };
    };
    const stateOf = async (orderId: string) => (await till.get(orderId)).order!.state;
    const paid = async () => {
      const order = await ordered();
      till.simulator.user.pay(order.orderId);
      await till.until(async () => (await stateOf(order.orderId)) === Order_State.PAID);
      await till.simulator.idle();
      return order;
    };
    const refund = (
      orderId: string,
      amountFen = BigInt(PRICE),
      idempotencyKey = unique("refund"),
    ) =>
      till.service.call(service.refundOrder, {
        idempotencyKey,
        orderId,
        amountFen,
        reason: "test",
        paymentId: "",
        validateOnly: false,
      });
    const refundState = async (refundId: string) =>
      (await till.service.call(service.getRefund, { refundId })).refund!.state;
    const paidOnce = async (orderId: string, userId: string) => {
      const { order, payments } = await till.get(orderId);
      assert.equal(order!.state, Order_State.PAID);
      assert.deepEqual(
        payments.map(({ disposition }) => disposition),
        [Payment_Disposition.GRANTED],
      );
      assert.equal(await till.balance(userId), 300n);
    };
    const refundNotice = async (refundId: string, more: object = {}, resource: object = {}) => {
      const [row] = await books.sql(
        `select order_id, amount_fen from refunds where refund_id = '${refundId}'`,
      );
      const orderId = row!["order_id"] as string;
      const there = till.simulator.orders.find(orderId)!;
      const amount = Number(row!["amount_fen"]);
      const outcome = await till.simulator.deliver({
        url: till.merchant.notifyUrl,
        eventType: "REFUND.SUCCESS",
        originalType: "refund",
        resource: {
          mchid: till.merchant.mchid,
          transaction_id: there.payment!.transactionId,
          out_trade_no: orderId,
          refund_id: `503000${refundId.slice(-12)}`,
          out_refund_no: refundId,
          refund_status: "SUCCESS",
          success_time: "2026-11-23T10:00:00+08:00",
          user_received_account: "支付用户零钱",
          amount: { total: PRICE, refund: amount, payer_total: PRICE, payer_refund: amount },
          ...resource,
        },
        ...more,
      });
      return "status" in outcome ? outcome.status : 0;
    };
    const requests = (path: string) =>
      till.simulator.journal.filter(
        (entry) => entry.kind === "request" && entry.target.startsWith(path),
      );
    const codeOf = (call: Promise<unknown>) =>
      toldBy(call).then(({ code, reason }) => ({ code, reason }));
    const gatewayWith = (more: object) =>
      createGateway(
        { ...till.merchant, ...more },
        { log: keepingLog().log, now: () => till.simulator.clock.now() },
      );
    const prepayRequest = (more: Partial<PrepayRequest>): PrepayRequest => ({
      channel: "NATIVE",
      outTradeNo: unique("ORDER_"),
      description: "会员月卡",
      amountFen: BigInt(PRICE),
      expireTimeMs: till.simulator.clock.now() + HOUR_MS,
      payerOpenid: null,
      clientIp: null,
      ...more,
    });

    it("38: asks for a callback again that the database could not keep, and settles the next", async () => {
      const { orderId, userId } = await ordered();
      network.block();
      till.simulator.user.pay(orderId);
      const attempts = () =>
        till.simulator.journal.flatMap((entry) =>
          entry.kind === "callback" && entry.attempt >= 0 && entry.twists.length === 0
            ? [entry]
            : [],
        );
      const before = attempts().length;
      await till.until(async () =>
        attempts()
          .slice(before - 1)
          .some(({ outcome }) => outcome !== null),
      );
      await till.simulator.idle();
      const { outcome } = attempts().at(-1)!;
      assert.ok(
        outcome !== null && "status" in outcome && outcome.status >= 500,
        JSON.stringify(outcome),
      );
      network.unblock();
      assert.equal(
        (await books.sql(`select 1 as n from payments where order_id = '${orderId}'`)).length,
        0,
      );
      await till.advance(16_000);
      await till.simulator.idle();
      await paidOnce(orderId, userId);
    });

    it("38: a deadlock with somebody else's transaction costs no callback", async () => {
      const { orderId, userId } = await ordered();
      const rival = await createConnection(books.url);
      await rival.query("set innodb_lock_wait_timeout = 1");
      await rival.beginTransaction();
      await rival.query(`select user_id from users where user_id = '${userId}' for update`);
      till.simulator.user.pay(orderId);
      await till.until(
        async () =>
          (await books.sql(`select 1 as n from payment_inbox where subject_id = '${orderId}'`))
            .length > 0,
      );
      await rival.rollback();
      await rival.end();
      await till.simulator.idle();
      await paidOnce(orderId, userId);
    });

    it("39: a callback that took too long is harmless when it comes again", async () => {
      const { orderId, userId } = await ordered();
      const holder = await createConnection(books.url);
      await holder.beginTransaction();
      await holder.query(`select user_id from users where user_id = '${userId}' for update`);
      till.simulator.settings.callbackTimeoutMs = 50;
      till.simulator.user.pay(orderId);
      await till.simulator.idle();
      const last = till.simulator.journal.findLast((entry) => entry.kind === "callback");
      assert.ok(last?.kind === "callback" && !last.accepted && "error" in last.outcome!);
      till.simulator.settings.callbackTimeoutMs = 5_000;
      await holder.rollback();
      await holder.end();
      await till.advance(16_000);
      await till.simulator.idle();
      await till.until(async () => (await stateOf(orderId)) === Order_State.PAID);
      await paidOnce(orderId, userId);
    });

    it("42: takes the notice of a refund that comes before the refund is answered", async () => {
      const { orderId, userId } = await paid();
      const hold = till.simulator.faults.hold({ method: "POST", path: REFUNDS }, "after");
      const asked = refund(orderId);
      await hold.reached;
      const [row] = await books.sql(`select refund_id from refunds where order_id = '${orderId}'`);
      const refundId = row!["refund_id"] as string;
      assert.ok((await refundNotice(refundId)) < 300);
      hold.release();
      await asked;
      assert.equal(await refundState(refundId), Refund_State.SUCCEEDED);
      assert.equal(await till.balance(userId), 0n);
    });

    it("43: a refund that was paid out stays so, whatever is told later", async () => {
      till.simulator.refunds.script("default", "ABNORMAL", 1);
      const { orderId } = await paid();
      const { refundId } = (await refund(orderId)).refund!;
      await till.advance(1_000);
      await till.until(async () => (await refundState(refundId)) === Refund_State.ABNORMAL);
      assert.ok((await refundNotice(refundId)) < 300);
      assert.equal(await refundState(refundId), Refund_State.SUCCEEDED);
      for (const word of ["CLOSED", "ABNORMAL"]) {
        const code = await refundNotice(
          refundId,
          { eventType: `REFUND.${word}` },
          { refund_status: word },
        );
        assert.ok(code < 300);
        assert.equal(await refundState(refundId), Refund_State.SUCCEEDED);
      }
      assert.equal(await stateOf(orderId), Order_State.REFUNDED);
      till.simulator.refunds.script("default", "SUCCESS", 1_000);
    });

    it("45: a notice of another amount, total or payment than the refund's is kept for a person", async () => {
      const other = await paid();
      for (const wrong of [
        { amount: { total: PRICE, refund: 100, payer_total: PRICE, payer_refund: 100 } },
        { amount: { total: 100, refund: PRICE, payer_total: 100, payer_refund: 100 } },
        { out_trade_no: other.orderId },
      ]) {
        const { orderId } = await paid();
        till.simulator.refunds.script("default", "SUCCESS", HOUR_MS);
        const { refundId } = (await refund(orderId)).refund!;
        assert.ok((await refundNotice(refundId, {}, wrong)) < 300);
        assert.equal(await refundState(refundId), Refund_State.PROCESSING, JSON.stringify(wrong));
        const rows = await books.sql(
          `select state from payment_inbox where subject_id = '${refundId}'`,
        );
        assert.deepEqual(
          rows.map((row) => row["state"]),
          ["QUARANTINED"],
        );
        assert.ok((await refundNotice(refundId)) < 300);
        assert.equal(await refundState(refundId), Refund_State.SUCCEEDED);
        till.simulator.refunds.script("default", "SUCCESS", 1_000);
      }
    });

    it("48: takes at most 50 refunds of one payment, a minute apart, and no damage is done by more", async () => {
      const { orderId } = await paid();
      await refund(orderId, 100n);
      assert.deepEqual(
        await codeOf(refund(orderId, 100n)),
        { code: status.RESOURCE_EXHAUSTED, reason: "REFUND_LIMIT_REACHED" },
        "within a minute",
      );
      for (let n = 2; n <= 50; n++) {
        await till.advance(61_000);
        await refund(orderId, 100n);
      }
      await till.advance(61_000);
      const { reason } = await codeOf(refund(orderId, 100n));
      assert.equal(reason, "REFUND_LIMIT_REACHED");
      const { order } = await till.get(orderId);
      assert.deepEqual(
        [order!.state, order!.refundedFen],
        [Order_State.PARTIALLY_REFUNDED, 5_000n],
      );
      assert.equal(
        till.simulator.refunds.all().filter((each) => each.order.outTradeNo === orderId).length,
        50,
      );
    });

    it("49: finds a refund under way that was sent with other parameters before its answer was lost", async () => {
      const { orderId } = await paid();
      till.simulator.faults.next(
        { method: "POST", path: REFUNDS },
        { kind: "system-error", when: "before" },
        3,
      );
      const { refundId } = (await refund(orderId)).refund!;
      const { payments } = await till.get(orderId);
      const there = till.simulator.orders.find(orderId)!;
      const before = gatewayWith({ notifyUrl: `${till.merchant.notifyUrl}/of-old` });
      const request = {
        outRefundNo: refundId,
        transactionId: there.payment!.transactionId,
        amountFen: payments[0]!.amountFen,
        totalFen: BigInt(PRICE),
        reason: "test",
      };
      assert.equal((await before.refund(request)).kind, "refund");
      await before.close();
      await till.until(async () => {
        await till.advance(5 * 60_000);
        await till.checker.check();
        return (await refundState(refundId)) === Refund_State.SUCCEEDED;
      });
      assert.equal(
        till.simulator.refunds.all().filter(({ outRefundNo }) => outRefundNo === refundId).length,
        1,
      );
    });

    it("51: asks no more, in the end, for the refund of a payment that WeChat Pay doesn't know", async () => {
      const { orderId } = await ordered();
      const resource = {
        appid: till.merchant.appid,
        mchid: till.merchant.mchid,
        out_trade_no: orderId,
        transaction_id: `4200000051${unique("").padStart(18, "0")}`,
        trade_type: "NATIVE",
        trade_state: "SUCCESS",
        trade_state_desc: "支付成功",
        bank_type: "OTHERS",
        attach: "",
        success_time: "2026-11-23T10:00:00+08:00",
        payer: { openid: "o-payer" },
        amount: { total: PRICE, payer_total: PRICE, currency: "CNY", payer_currency: "CNY" },
      };
      await till.simulator.deliver({ url: till.merchant.notifyUrl, resource });
      assert.equal(await stateOf(orderId), Order_State.PAID);
      const { refundId } = (await refund(orderId)).refund!;
      const asked = () =>
        requests(REFUNDS).filter(
          (entry) => entry.kind === "request" && entry.body.includes(refundId),
        ).length;
      for (let n = 0; n < 20; n++) {
        await till.advance(7 * HOUR_MS);
        await till.checker.check();
      }
      const times = asked();
      assert.ok(times <= 13, `asked ${times} times`);
      await till.advance(7 * DAY_MS);
      await till.checker.check();
      assert.equal(asked(), times);
      const [row] = await books.sql(
        `select state, obstacle from refunds where refund_id = '${refundId}'`,
      );
      assert.equal(row!["state"], "REQUESTED");
      assert.match(String(row!["obstacle"]), /RESOURCE_NOT_EXISTS/);
    });

    it("52: asks ever more rarely about a refund that takes three days", async () => {
      till.simulator.refunds.script("default", "SUCCESS", 3 * DAY_MS);
      till.simulator.faults.callbacks.drop({ chance: 0 });
      const { orderId } = await paid();
      const { refundId } = (await refund(orderId)).refund!;
      const from = requests(`${REFUNDS}/${refundId}`).length;
      till.simulator.faults.callbacks.drop({ chance: 1 });
      for (let hours = 0; hours < 71; hours++) {
        await till.advance(HOUR_MS);
        await till.checker.check();
        assert.equal(await refundState(refundId), Refund_State.PROCESSING);
      }
      const asked = requests(`${REFUNDS}/${refundId}`).length - from;
      assert.ok(asked >= 8 && asked <= 30, `asked ${asked} times in three days`);
      await till.until(async () => {
        await till.advance(6 * HOUR_MS);
        await till.checker.check();
        return (await refundState(refundId)) === Refund_State.SUCCEEDED;
      });
      till.simulator.refunds.script("default", "SUCCESS", 1_000);
    });

    it("55: believes a closing only by a true signature or by asking", async () => {
      const close = (orderId: string) =>
        till.service.call(service.closeOrder, {
          idempotencyKey: unique("close"),
          orderId,
          reason: "test",
          validateOnly: false,
        });
      const signed = await ordered();
      assert.equal((await close(signed.orderId)).order!.state, Order_State.CLOSED);
      const { orderId } = await ordered();
      till.simulator.faults.next({ path: /\/close$/ }, { kind: "missing-headers" }, 2);
      assert.deepEqual(await codeOf(close(orderId)), {
        code: status.UNAVAILABLE,
        reason: "PAYMENT_UNAVAILABLE",
      });
      assert.equal(await stateOf(orderId), Order_State.PENDING);
      assert.equal((await close(orderId)).order!.state, Order_State.CLOSED);
    });

    it("60: with a wrong clock sends each request once, changes nothing and raises an alarm", async () => {
      const { orderId, userId } = await ordered();
      const sent = till.simulator.journal.length;
      till.simulator.clock.set(till.simulator.clock.now() - 6 * 60_000, false);
      const told = till.told.length;
      const refused = await codeOf(till.order(userId));
      assert.deepEqual(refused, { code: status.UNAVAILABLE, reason: "PAYMENT_UNAVAILABLE" });
      const asked = till.simulator.journal
        .slice(sent)
        .filter((entry) => entry.kind === "request" && entry.target === NATIVE);
      assert.equal(asked.length, 1, "no storm of retries");
      const outcomes = till.told
        .slice(told)
        .filter(({ call }) => call === "attempted")
        .map(({ facts }) => facts[2]);
      assert.deepEqual(outcomes, ["unauthorized"]);
      const { log, lines } = keepingLog();
      const { attempted } = observePayments(metrics.getMeter("test"), log);
      for (let n = 0; n < 3; n++) attempted("prepay", "api.mch.weixin.qq.com", "unauthorized", 1);
      assert.deepEqual(
        lines.map(({ level }) => level),
        ["error"],
        "told once, not with every call",
      );
      assert.match(lines[0]!.message, /clock/);
      assert.equal(await stateOf(orderId), Order_State.PENDING);
      till.simulator.clock.set(till.simulator.clock.now() + 6 * 60_000, false);
      till.simulator.user.pay(orderId);
      await till.simulator.idle();
      await paidOnce(orderId, userId);
    });

    it("62: a number that was used with another amount is told as what it is, and no other number is made", async () => {
      const userId = await till.user();
      const hold = till.simulator.faults.hold({ path: NATIVE }, "before");
      const idempotencyKey = unique("conflict");
      const placing = codeOf(till.order(userId, { idempotencyKey }));
      await hold.reached;
      const [row] = await books.sql(`select order_id from orders where user_id = '${userId}'`);
      const gateway = gatewayWith({});
      const answer = await gateway.prepay(
        prepayRequest({ outTradeNo: row!["order_id"] as string, amountFen: 1n }),
      );
      await gateway.close();
      assert.equal(answer.kind, "ready");
      hold.release();
      assert.equal((await placing).reason, "PAYMENT_REFUSED");
      assert.equal(
        (await codeOf(till.order(userId, { idempotencyKey }))).reason,
        "PAYMENT_REFUSED",
      );
      const rows = await books.sql(`select state from orders where user_id = '${userId}'`);
      assert.deepEqual(
        rows.map(({ state }) => state),
        ["CREATED"],
      );
    });

    it("64: opens no closed order again; only a new order has a new number", async () => {
      const userId = await till.user();
      const idempotencyKey = unique("closed");
      const orderId = orderIdOf(await till.order(userId, { idempotencyKey }));
      till.simulator.orders.force(orderId, "CLOSED");
      await till.advance(2 * HOUR_MS - 20_000);
      const again = await till.order(userId, { idempotencyKey });
      assert.deepEqual([orderIdOf(again), again.paymentParameters], [orderId, undefined]);
      await till.advance(60_000);
      await till.checker.check();
      assert.equal(await stateOf(orderId), Order_State.CLOSED);
      const fresh = await till.order(userId);
      assert.notEqual(orderIdOf(fresh), orderId);
      assert.equal(fresh.paymentParameters!.method!.$case, "codeUrl");
    });

    it("65, 66: sends no number and no text that WeChat Pay or its bills can't take, and signs what it sends", async () => {
      const { gateway } = till.payments;
      const sent = requests("/v3/pay").length;
      const numbers = [
        "a/b/c/d",
        "abc?def",
        "abc%2Fdef",
        "abc def",
        "abcde",
        "a".repeat(33),
        "abcdef😀",
      ];
      for (const outTradeNo of numbers)
        await assert.rejects(gateway.prepay(prepayRequest({ outTradeNo })));
      for (const description of ["", "a,b", "a`b", "a\nb", "会".repeat(43)]) {
        await assert.rejects(gateway.prepay(prepayRequest({ description })), Error, description);
      }
      assert.equal(requests("/v3/pay").length, sent);
      for (const description of ["x".repeat(127), `${"会".repeat(42)}!`, "衣服 👗 \u00e9"]) {
        const request = prepayRequest({ description });
        assert.equal((await gateway.prepay(request)).kind, "ready");
        assert.equal(till.simulator.orders.find(request.outTradeNo)!.description, description);
      }
    });

    it("68: always gives the end of an order's time in Beijing's, which WeChat Pay then holds to", async () => {
      const { orderId } = await ordered();
      const request = requests(NATIVE).at(-1);
      assert.ok(request?.kind === "request");
      const body = JSON.parse(request.body.toString()) as { time_expire: string };
      assert.match(body.time_expire, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/);
      const { order } = await till.get(orderId);
      assert.equal(
        Math.floor(order!.expireTime!.getTime() / 1_000),
        Date.parse(body.time_expire) / 1_000,
      );
      const minute = prepayRequest({ expireTimeMs: till.simulator.clock.now() - HOUR_MS });
      const far = prepayRequest({ expireTimeMs: till.simulator.clock.now() + 91 * DAY_MS });
      for (const each of [minute, far]) {
        const answer = await till.payments.gateway.prepay(each).catch((error: unknown) => error);
        assert.ok(!(answer instanceof GatewayFault), "an answer, not a fault");
      }
      const untilMs = (each: PrepayRequest) =>
        till.simulator.orders.find(each.outTradeNo)!.expireMs - till.simulator.clock.now();
      assert.ok(untilMs(minute) <= 61_000 && untilMs(far) <= 90 * DAY_MS + 1_000);
    });

    it("18: takes no exact replay after five minutes", async () => {
      const { orderId, userId } = await paid();
      const sent = till.simulator.journal.findLast(
        (entry) => entry.kind === "callback" && entry.accepted,
      );
      assert.ok(sent?.kind === "callback", "the callback was accepted");
      const replay = async () =>
        (
          await fetch(sent.url, {
            method: "POST",
            headers: sent.headers,
            body: new Uint8Array(sent.body),
          })
        ).status;
      assert.ok((await replay()) < 300);
      await till.advance(5 * 60_000 + 1_000);
      assert.equal(await replay(), 401);
      await paidOnce(orderId, userId);
    });

    it("leaves nothing behind that nobody asks about, and money and quota agree", async () => {
      await sleep(0);
      const rows = await books.sql(
        `select order_id as id from orders o where state in ('PAID','REFUNDED','PARTIALLY_REFUNDED') and 1 <> (
          select count(*) from payments p where p.order_id = o.order_id and p.disposition = 'GRANTED')`,
      );
      assert.deepEqual(rows, []);
    });
  });

  describe(`keys that are not for callbacks on ${flavour}`, function () {
    this.timeout(180_000);
    const YEAR_MS = 366 * DAY_MS;
    const withTill = async (certificates: boolean, play: (till: Till) => Promise<void>) => {
      const till = await openTill(flavour, { wechat: { certificates } });
      try {
        await play(till);
      } finally {
        await till.close();
      }
    };
    /** A true callback but for its key. @returns the status, and what it has changed */
    const newOrder = async (till: Till) => orderIdOf(await till.order(await till.user()));
    const signedBy = async (till: Till, key: SigningKey, orderId: string) => {
      const resource = {
        appid: till.merchant.appid,
        mchid: till.merchant.mchid,
        out_trade_no: orderId,
        transaction_id: `4200000012${unique("").padStart(18, "0")}`,
        trade_type: "NATIVE",
        trade_state: "SUCCESS",
        trade_state_desc: "支付成功",
        bank_type: "OTHERS",
        attach: "",
        success_time: `${new Date(till.simulator.clock.now()).toISOString().slice(0, 19)}+00:00`,
        payer: { openid: "o-payer" },
        amount: { total: PRICE, payer_total: PRICE, currency: "CNY", payer_currency: "CNY" },
      };
      const outcome = await till.simulator.deliver({ url: till.merchant.notifyUrl, resource, key });
      const { order, payments } = await till.get(orderId);
      return ["status" in outcome ? outcome.status : 0, order!.state, payments.length];
    };

    it("12: takes no platform certificate where only the public key is trusted", async () => {
      await withTill(false, async (till) => {
        const [certificate, publicKey] = [
          till.simulator.keys.signing()[0]!,
          till.simulator.keys.signing().at(-1)!,
        ];
        assert.deepEqual(await signedBy(till, certificate, await newOrder(till)), [
          401,
          Order_State.PENDING,
          0,
        ]);
        assert.deepEqual(await signedBy(till, publicKey, await newOrder(till)), [
          204,
          Order_State.PAID,
          1,
        ]);
      });
    });

    it("12, 14: takes a platform certificate in mixed mode, until it has expired", async () => {
      await withTill(true, async (till) => {
        const certificate = till.simulator.keys.signing()[0]!;
        assert.deepEqual(await signedBy(till, certificate, await newOrder(till)), [
          204,
          Order_State.PAID,
          1,
        ]);
        const orderId = await newOrder(till);
        await till.advance(6 * YEAR_MS);
        assert.deepEqual(await signedBy(till, certificate, orderId), [401, Order_State.PENDING, 0]);
      });
    });
  });
}
