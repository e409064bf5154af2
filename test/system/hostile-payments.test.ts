/**
 * Hostile and unlucky callbacks and answers against the running service, over real HTTP and gRPC. Each
 * asserts what is in the books afterwards, not only what was answered.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { status } from "@grpc/grpc-js";
import {
  Order_State,
  Payment_Disposition,
  Refund_State,
} from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as service } from "../../src/gen/billing/order/v1/order_service.ts";
import { freePort } from "../../src/local/port.ts";
import { unique } from "../support/bank.ts";
import { flavours } from "../support/servers.ts";
import { NOTIFY_PATH, openTill, orderIdOf, type Till } from "../support/till.ts";

type Crafted = Parameters<Till["simulator"]["deliver"]>[0];
type Json = Record<string, unknown>;

for (const flavour of flavours()) {
  describe(`hostile payments on ${flavour}`, () => {
    let till: Till;
    let url: string;
    before(async () => {
      till = await openTill(flavour);
      url = till.merchant.notifyUrl;
    });
    after(() => till.close());

    let numbers = 0;
    const ordered = async () => {
      const userId = await till.user();
      return { userId, orderId: orderIdOf(await till.order(userId)) };
    };
    const trade = (orderId: string, more: Json = {}): Json => ({
      appid: till.merchant.appid,
      mchid: till.merchant.mchid,
      out_trade_no: orderId,
      transaction_id: `42000000012026112300${String((numbers += 1)).padStart(8, "0")}`,
      trade_type: "NATIVE",
      trade_state: "SUCCESS",
      trade_state_desc: "支付成功",
      bank_type: "OTHERS",
      attach: "",
      success_time: new Date(till.simulator.clock.now()).toISOString().replace(/\.\d+Z$/, "+00:00"),
      payer: { openid: "o-payer" },
      amount: { total: 9900, payer_total: 9900, currency: "CNY", payer_currency: "CNY" },
      ...more,
    });
    const deliver = async (crafted: Partial<Crafted>): Promise<number> => {
      const outcome = await till.simulator.deliver({ url, ...crafted });
      return "status" in outcome ? outcome.status : 0;
    };
    const isAccepted = (code: number) => code === 200 || code === 204;
    const untouched = async (orderId: string, userId: string) => {
      const { order, payments } = await till.get(orderId);
      assert.equal(order!.state, Order_State.PENDING);
      assert.equal(payments.length, 0);
      assert.equal(await till.balance(userId), 0n);
    };
    /** It's refused, nothing changed, and the true one is still taken. */
    const refused = async (orderId: string, userId: string, crafted: Partial<Crafted>) => {
      const code = await deliver(crafted);
      assert.ok(code >= 400, `answered ${code}`);
      await untouched(orderId, userId);
    };
    const paidOnce = async (orderId: string, userId: string) => {
      const { order, payments } = await till.get(orderId);
      assert.equal(order!.state, Order_State.PAID);
      assert.equal(
        payments.filter((each) => each.disposition === Payment_Disposition.GRANTED).length,
        1,
      );
      assert.equal(await till.balance(userId), 300n);
    };

    it("1, 17: takes a true callback, and the same again without a second effect", async () => {
      const { orderId, userId } = await ordered();
      const resource = trade(orderId);
      assert.ok(isAccepted(await deliver({ resource })));
      await paidOnce(orderId, userId);
      assert.ok(isAccepted(await deliver({ resource })));
      await paidOnce(orderId, userId);
    });

    describe("refuses without any effect", () => {
      let orderId: string;
      let userId: string;
      before(async () => ({ orderId, userId } = await ordered()));
      const keys = () => till.simulator.keys.signing();
      const rotated = (text: string) => (text[0] === "A" ? "B" : "A") + text.slice(1);
      const cases: readonly (readonly [string, () => Partial<Crafted>])[] = [
        [
          "3: a SIGNTEST probe",
          () => ({ headers: { "Wechatpay-Signature": "WECHATPAY/SIGNTEST/aaaa" } }),
        ],
        [
          "5: a signature that is not base64",
          () => ({ headers: { "Wechatpay-Signature": "§§§" } }),
        ],
        ["5: an empty signature", () => ({ headers: { "Wechatpay-Signature": "" } })],
        [
          "5: a signature of 10 kB",
          () => ({ headers: { "Wechatpay-Signature": "A".repeat(10_000) } }),
        ],
        ["6: no timestamp", () => ({ headers: { "Wechatpay-Timestamp": null } })],
        ["6: no nonce", () => ({ headers: { "Wechatpay-Nonce": null } })],
        ["6: no signature", () => ({ headers: { "Wechatpay-Signature": null } })],
        ["6: no serial", () => ({ headers: { "Wechatpay-Serial": null } })],
        [
          "8: an unknown serial",
          () => ({ headers: { "Wechatpay-Serial": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1" } }),
        ],
        ["10: the serial __proto__", () => ({ headers: { "Wechatpay-Serial": "__proto__" } })],
        ["10: the serial constructor", () => ({ headers: { "Wechatpay-Serial": "constructor" } })],
        [
          "11: the merchant's own certificate and key",
          () => ({
            key: {
              id: till.merchant.merchantSerial,
              privateKey: createPrivateKey(till.merchant.merchantPrivateKey),
            },
          }),
        ],
        [
          "13: one key's name over another key's signature",
          () => ({ key: { id: keys()[0]!.id, privateKey: keys().at(-1)!.privateKey } }),
        ],
        ["15: a timestamp 300 s old", () => ({ offsetSeconds: -300 })],
        ["15: a timestamp 301 s old", () => ({ offsetSeconds: -301 })],
        ["15: a timestamp too far ahead", () => ({ offsetSeconds: 330 })],
        [
          "16: a timestamp in milliseconds",
          () => ({ headers: { "Wechatpay-Timestamp": String(Date.now()) } }),
        ],
        [
          "16: a timestamp that is no number",
          () => ({ headers: { "Wechatpay-Timestamp": "now" } }),
        ],
        ["16: a negative timestamp", () => ({ headers: { "Wechatpay-Timestamp": "-1" } })],
        ["16: 1e9 as timestamp", () => ({ headers: { "Wechatpay-Timestamp": "1e9" } })],
        ["23: another APIv3 key", () => ({ apiV3Key: "0123456789abcdef0123456789abcdef" })],
        ["26: a plaintext that is no JSON", () => ({ resource: "no json" })],
        ["26: a plaintext of another shape", () => ({ resource: { hello: "world" } })],
        [
          "27: another merchant's number",
          () => ({ resource: trade(orderId, { mchid: "1900000009" }) }),
        ],
        ["27: another app", () => ({ resource: trade(orderId, { appid: "wx0000000000000000" }) })],
        [
          "28: an amount that is a float",
          () => ({ resource: trade(orderId, { amount: { total: 9900.5, currency: "CNY" } }) }),
        ],
        [
          "28: an amount that is text",
          () => ({ resource: trade(orderId, { amount: { total: "9900", currency: "CNY" } }) }),
        ],
        [
          "28: an amount above 2^53",
          () => ({
            resource: JSON.stringify(trade(orderId)).replace(
              '"total":9900',
              '"total":9007199254740993',
            ),
          }),
        ],
        [
          "46: a refund's content under a payment's event",
          () => ({ resource: trade(orderId), originalType: "refund", eventType: "REFUND.SUCCESS" }),
        ],
      ];
      for (const [title, make] of cases) {
        it(title, async () => refused(orderId, userId, { resource: trade(orderId), ...make() }));
      }

      it("2: a signature with one bit flipped", async () => {
        const entry = { ...(await genuine(orderId)) };
        const signature = entry.headers["Wechatpay-Signature"]!;
        const code = await post(
          { ...entry.headers, "Wechatpay-Signature": rotated(signature) },
          entry.body,
        );
        assert.ok(code >= 400);
        await untouched(orderId, userId);
      });
      it("4: a true signature behind the SIGNTEST prefix", async () => {
        const { headers, body } = await genuine(orderId);
        const signature = `WECHATPAY/SIGNTEST/${headers["Wechatpay-Signature"]}`;
        assert.ok((await post({ ...headers, "Wechatpay-Signature": signature }, body)) >= 400);
        await untouched(orderId, userId);
      });
      it("19, 20: a body written anew, or with a line end more", async () => {
        const { headers, body } = await genuine(orderId);
        const again = JSON.stringify(JSON.parse(body.toString()), null, 1);
        assert.ok((await post(headers, Buffer.from(again))) >= 400);
        assert.ok((await post(headers, Buffer.concat([body, Buffer.from("\n")]))) >= 400);
        await untouched(orderId, userId);
      });
      it("21, 22: a ciphertext with a bit flipped, a short tag, no text, rightly signed", async () => {
        const { body } = await genuine(orderId);
        const envelope = JSON.parse(body.toString()) as {
          resource: { ciphertext: string; algorithm: string };
        };
        const bytes = Buffer.from(envelope.resource.ciphertext, "base64");
        const flipped = Buffer.from(bytes);
        flipped[5]! ^= 1;
        const tagged = Buffer.from(bytes);
        tagged[tagged.length - 1]! ^= 1;
        for (const wrong of [
          flipped,
          tagged,
          bytes.subarray(0, -4),
          bytes.subarray(0, -12),
          bytes.subarray(0, 10),
        ]) {
          const resource = { ...envelope.resource, ciphertext: wrong.toString("base64") };
          await refused(orderId, userId, { body: JSON.stringify({ ...envelope, resource }) });
        }
      });
      it("25: another algorithm", async () => {
        const { body } = await genuine(orderId);
        for (const algorithm of ["AEAD_SM4_GCM", "none"]) {
          await refused(orderId, userId, {
            body: body.toString().replace("AEAD_AES_256_GCM", algorithm),
          });
        }
      });
      it("41: a body of 1 MB, other methods, another type, gzip", async () => {
        const { headers, body } = await genuine(orderId);
        assert.ok((await post(headers, Buffer.alloc(1 << 20, 32))) >= 400);
        assert.ok((await post({ ...headers, "Content-Type": "text/plain" }, body)) >= 400);
        assert.ok((await post({ ...headers, "Content-Encoding": "gzip" }, body)) >= 400);
        for (const method of ["GET", "PUT"])
          assert.ok((await fetch(url, { method })).status >= 400);
        await untouched(orderId, userId);
      });
      it("9: a thousand unknown serials, without a storm of downloads", async () => {
        const before = downloads();
        for (let n = 0; n < 1_000; n++) {
          const serial = n.toString(16).toUpperCase().padStart(40, "0");
          await deliver({ resource: trade(orderId), headers: { "Wechatpay-Serial": serial } });
        }
        assert.ok(downloads() - before <= 2, `${downloads() - before} downloads`);
        await untouched(orderId, userId);
      });
      it("and then takes the true one", async () => {
        assert.ok(isAccepted(await deliver({ resource: trade(orderId) })));
        await paidOnce(orderId, userId);
      });
    });

    const downloads = () =>
      till.simulator.journal.filter(
        (entry) => entry.kind === "request" && entry.target.startsWith("/v3/certificates"),
      ).length;
    /** A callback as it would come, signed now, and not sent. */
    const genuine = async (orderId: string) => {
      const elsewhere = `http://127.0.0.1:${await freePort()}/`;
      await till.simulator.deliver({ url: elsewhere, resource: trade(orderId) });
      const entry = till.simulator.journal.findLast(
        (each) => each.kind === "callback" && each.url === elsewhere,
      );
      if (entry?.kind !== "callback") return assert.fail("the journal has what was sent");
      return { headers: { ...entry.headers }, body: entry.body };
    };
    const post = async (headers: Record<string, string>, body: Buffer): Promise<number> => {
      const answer = await fetch(url, { method: "POST", headers, body: new Uint8Array(body) });
      await answer.arrayBuffer();
      return answer.status;
    };

    it("7: refuses headers that come twice", async () => {
      const { orderId, userId } = await ordered();
      const { headers, body } = await genuine(orderId);
      const doubled = new Headers(headers);
      doubled.append("Wechatpay-Serial", headers["Wechatpay-Serial"]!);
      const answer = await fetch(url, {
        method: "POST",
        headers: doubled,
        body: new Uint8Array(body),
      });
      assert.ok(answer.status >= 400);
      await untouched(orderId, userId);
    });

    it("15, 24, 26, 30: takes an old but fresh enough time, empty AAD, further fields, a coupon", async () => {
      const makes: ((orderId: string) => Partial<Crafted>)[] = [
        (orderId) => ({ resource: trade(orderId), offsetSeconds: -240 }),
        (orderId) => ({ resource: trade(orderId), associatedData: "" }),
        (orderId) => ({ resource: trade(orderId, { further: { field: [1, 2, 3] } }) }),
        (orderId) => ({
          resource: trade(orderId, { amount: { total: 9900, payer_total: 8900, currency: "CNY" } }),
        }),
      ];
      for (const make of makes) {
        const { orderId, userId } = await ordered();
        assert.ok(isAccepted(await deliver(make(orderId))));
        await paidOnce(orderId, userId);
      }
    });

    it("28, 29: keeps what contradicts the order, gives nothing, and calls a person once", async () => {
      const amounts = [
        { total: 9899, currency: "CNY" },
        { total: 990_000, currency: "CNY" },
        { total: 9900, currency: "USD" },
      ];
      for (const amount of amounts) {
        const { orderId, userId } = await ordered();
        const resource = trade(orderId, { amount });
        const alarms = () => till.told.filter(({ call }) => call === "alarming").length;
        const before = alarms();
        await deliver({ resource });
        await deliver({ resource });
        const { order, payments } = await till.get(orderId);
        assert.equal(order!.state, Order_State.PENDING);
        assert.deepEqual(
          payments.map(({ disposition }) => disposition),
          [Payment_Disposition.QUARANTINED],
        );
        assert.equal(await till.balance(userId), 0n);
        assert.equal(alarms() - before, 1);
      }
    });

    it("31: believes no payment that says it is none; the provider is asked", async () => {
      for (const state of ["NOTPAY", "CLOSED", "REFUND"]) {
        const { orderId, userId } = await ordered();
        await deliver({ resource: trade(orderId, { trade_state: state }) });
        await untouched(orderId, userId);
      }
    });

    it("32: keeps an event of an unknown type", async () => {
      const [{ n: before } = { n: 0 }] = await till.service.bank.sql(
        "select count(*) as n from payment_inbox",
      );
      await deliver({ resource: { a: unique("x") }, eventType: "TRANSACTION.STRANGE" });
      const [{ n: after } = { n: 0 }] = await till.service.bank.sql(
        "select count(*) as n from payment_inbox",
      );
      assert.equal(Number(after) - Number(before), 1);
    });

    it("33, 44: asks for what it doesn't know to be sent again, and keeps it", async () => {
      assert.ok((await deliver({ resource: trade("ord_UNKNOWN00000000000000000") })) >= 500);
      const refund = {
        mchid: till.merchant.mchid,
        transaction_id: "420000",
        out_trade_no: "ord_UNKNOWN00000000000000000",
        refund_id: "50000",
        out_refund_no: "rfd_UNKNOWN00000000000000000",
        refund_status: "SUCCESS",
        success_time: "2026-11-23T10:00:00+08:00",
        user_received_account: "招商银行信用卡0403",
        amount: { total: 9900, refund: 9900, payer_total: 9900, payer_refund: 9900 },
      };
      const code = await deliver({
        resource: refund,
        eventType: "REFUND.SUCCESS",
        originalType: "refund",
      });
      assert.ok(code >= 500);
      const rows = await till.service.bank.sql(
        "select state from payment_inbox where subject_id like '%_UNKNOWN%'",
      );
      assert.deepEqual(
        rows.map((row) => row["state"]),
        ["ORPHANED", "ORPHANED"],
      );
    });

    it("34: takes a callback that comes before the answer to the order", async () => {
      const userId = await till.user();
      const hold = till.simulator.faults.hold({ path: "/v3/pay/transactions/native" }, "after");
      const placing = till.order(userId);
      await hold.reached;
      const [row] = await till.service.bank.sql(
        `select order_id from orders where user_id = '${userId}'`,
      );
      const orderId = row!["order_id"] as string;
      assert.ok(isAccepted(await deliver({ resource: trade(orderId) })));
      hold.release();
      await placing;
      await paidOnce(orderId, userId);
    });

    it("35: makes one transition of 50 equal callbacks at once", async () => {
      const { orderId, userId } = await ordered();
      const resource = trade(orderId);
      const codes = await Promise.all(Array.from({ length: 50 }, () => deliver({ resource })));
      assert.ok(codes.every(isAccepted), codes.join());
      await paidOnce(orderId, userId);
      const { transitions } = await till.get(orderId);
      assert.equal(transitions.filter(({ toState }) => toState === "PAID").length, 1);
    });

    it("36: books money for a closed order and sends it back", async () => {
      const { orderId, userId } = await ordered();
      await till.service.call(service.closeOrder, {
        idempotencyKey: unique("close"),
        orderId,
        reason: "test",
        validateOnly: false,
      });
      const later = new Date(till.simulator.clock.now() + 60_000)
        .toISOString()
        .replace(/\.\d+Z$/, "+00:00");
      assert.ok(isAccepted(await deliver({ resource: trade(orderId, { success_time: later }) })));
      const { order, payments } = await till.get(orderId);
      assert.equal(order!.state, Order_State.CLOSED);
      assert.equal(payments[0]!.disposition, Payment_Disposition.RETURNED);
      const { refunds } = await till.service.call(service.listRefunds, {
        orderId,
        userId: "",
        state: 0,
        pageSize: 0,
        pageToken: "",
      });
      assert.equal(refunds[0]!.amountFen, 9_900n);
      assert.ok(refunds[0]!.automatic);
      assert.equal(await till.balance(userId), 0n);
    });

    it("37: sends a second payment of one order back, and keeps the first", async () => {
      const { orderId, userId } = await ordered();
      await deliver({ resource: trade(orderId) });
      await deliver({ resource: trade(orderId) });
      await paidOnce(orderId, userId);
      const { payments } = await till.get(orderId);
      assert.deepEqual(
        payments.map(({ disposition }) => disposition),
        [Payment_Disposition.GRANTED, Payment_Disposition.RETURNED],
      );
    });

    it("40: finds a payment that was never told, by asking", async () => {
      const { orderId, userId } = await ordered();
      till.simulator.faults.callbacks.drop({ chance: 1 });
      till.simulator.user.pay(orderId);
      await till.advance(25 * 3_600_000);
      till.simulator.faults.callbacks.drop({ chance: 0 });
      await till.checker.check();
      await paidOnce(orderId, userId);
    });

    it("47: lets refunds of one order never exceed what came in", async () => {
      const { orderId, userId } = await ordered();
      till.simulator.settings.refundSpacing = false;
      till.simulator.user.pay(orderId);
      await till.until(async () => (await till.get(orderId)).order!.state === Order_State.PAID);
      const amounts = [3_000n, 3_000n, 3_900n, 4_100n];
      const done: bigint[] = [];
      for (const amountFen of amounts) {
        await till.advance(61_000);
        const request = {
          idempotencyKey: unique("refund"),
          orderId,
          amountFen,
          reason: "test",
          paymentId: "",
          validateOnly: false,
        };
        await till.service.call(service.refundOrder, request).then(
          () => done.push(amountFen),
          (error: { code?: number }) => assert.equal(error.code, status.FAILED_PRECONDITION),
        );
      }
      assert.deepEqual(done, [3_000n, 3_000n, 3_900n]);
      assert.equal((await till.get(orderId)).order!.state, Order_State.REFUNDED);
      assert.equal(await till.balance(userId), 0n);
    });

    it("49, 50, 59: sends a refund again with the same number until it is taken, once", async () => {
      const { orderId } = await ordered();
      till.simulator.user.pay(orderId);
      await till.until(async () => (await till.get(orderId)).order!.state === Order_State.PAID);
      till.simulator.faults.next({ path: "/v3/refund" }, { kind: "reset", when: "after" }, 3);
      const request = {
        idempotencyKey: unique("refund"),
        orderId,
        amountFen: 9_900n,
        reason: "test",
        paymentId: "",
        validateOnly: false,
      };
      const { refund } = await till.service.call(service.refundOrder, request);
      await till.until(async () => {
        await till.advance(61_000);
        await till.checker.check();
        const answer = await till.service.call(service.getRefund, { refundId: refund!.refundId });
        return answer.refund!.state === Refund_State.SUCCEEDED;
      });
      const there = till.simulator.refunds
        .all()
        .filter((each) => each.order.outTradeNo === orderId);
      assert.equal(there.length, 1);
    });

    it("53, 54, 56: believes no answer without a true signature, and finds out later", async () => {
      const faults = [
        { kind: "missing-headers" },
        { kind: "bad-signature" },
        { kind: "timestamp", offsetSeconds: -400 },
        { kind: "unknown-serial" },
        { kind: "altered-body" },
        { kind: "truncated-json" },
        { kind: "bad-gateway" },
      ] as const;
      for (const fault of faults) {
        const userId = await till.user();
        const idempotencyKey = unique("fault");
        till.simulator.faults.next({ path: "/v3/pay/transactions/native" }, fault, 3);
        const failed = await till.order(userId, { idempotencyKey }).then(
          () => undefined,
          (error: { code: number }) => error.code,
        );
        till.simulator.faults.clear();
        const again = await till.order(userId, { idempotencyKey });
        assert.equal(again.order!.state, Order_State.PENDING, fault.kind);
        if (failed !== undefined) assert.equal(failed, status.UNAVAILABLE, fault.kind);
        const rows = await till.service.bank.sql(
          `select order_id from orders where user_id = '${userId}'`,
        );
        assert.equal(rows.length, 1, "one order, whatever was answered");
      }
    });

    it("57, 58: takes the order up again whose answer was lost", async () => {
      const userId = await till.user();
      till.simulator.faults.next(
        { path: "/v3/pay/transactions/native" },
        { kind: "reset", when: "after" },
        1,
      );
      const placed = await till.order(userId);
      assert.equal(placed.paymentParameters!.method!.$case, "codeUrl");
      const method = placed.paymentParameters!.method!;
      till.simulator.user.pay(method.$case === "codeUrl" ? method.value : "");
      await till.until(
        async () => (await till.get(orderIdOf(placed))).order!.state === Order_State.PAID,
      );
    });

    it("61: follows no redirect", async () => {
      const userId = await till.user();
      till.simulator.faults.next(
        { path: "/v3/pay" },
        { kind: "redirect", location: "http://127.0.0.1:1/" },
        3,
      );
      const code = await till.order(userId).then(
        () => undefined,
        (error: { code: number }) => error.code,
      );
      till.simulator.faults.clear();
      assert.notEqual(code, undefined);
    });

    it("63: answers an order that was paid meanwhile as paid, and asks for no second payment", async () => {
      const userId = await till.user();
      const idempotencyKey = unique("paid");
      const placed = await till.order(userId, { idempotencyKey });
      till.simulator.faults.callbacks.drop({ chance: 1 });
      till.simulator.user.pay(orderIdOf(placed));
      // The parameters are too old to be given out again, so the provider is asked for new ones.
      await till.advance(2 * 3_600_000 - 30_000);
      const again = await till.order(userId, { idempotencyKey });
      till.simulator.faults.callbacks.drop({ chance: 0 });
      assert.equal(again.order!.state, Order_State.PAID);
      assert.equal(again.paymentParameters, undefined);
    });

    it("67: ends paid or closed when both happen at once, never both, and loses no money", async () => {
      for (const first of ["pay", "close"] as const) {
        const { orderId, userId } = await ordered();
        const hold = till.simulator.faults.hold(
          { path: /\/close$/ },
          first === "pay" ? "before" : "after",
        );
        const closing = till.service
          .call(service.closeOrder, {
            idempotencyKey: unique("close"),
            orderId,
            reason: "test",
            validateOnly: false,
          })
          .catch(() => undefined);
        await hold.reached;
        try {
          till.simulator.user.pay(orderId);
        } catch {
          assert.equal(first, "close", "only a closed order can't be paid");
        }
        hold.release();
        await closing;
        await till.simulator.idle();
        const { order, payments } = await till.get(orderId);
        if (first === "pay") await paidOnce(orderId, userId);
        else assert.deepEqual([order!.state, payments.length], [Order_State.CLOSED, 0]);
      }
    });

    it("69: gives a new code when the old one is over, and the old one can't be paid", async () => {
      const userId = await till.user();
      const idempotencyKey = unique("renew");
      const first = (await till.order(userId, { idempotencyKey })).paymentParameters!.method!
        .value as string;
      await till.advance(2 * 3_600_000 - 20_000);
      const second = (await till.order(userId, { idempotencyKey })).paymentParameters!.method!
        .value as string;
      assert.notEqual(second, first);
      assert.throws(() => till.simulator.user.scan(first));
    });

    it("70: serves on while keys change under way", async () => {
      await till.simulator.keys.rotateCertificate();
      till.simulator.keys.newCertificateShare(0.5);
      till.simulator.keys.callbackPublicKeyShare(0.5);
      await till.advance(3_600_000 + 60_000);
      for (let n = 0; n < 12; n++) {
        const { orderId, userId } = await ordered();
        assert.ok(isAccepted(await deliver({ resource: trade(orderId) })));
        await paidOnce(orderId, userId);
      }
    });

    it("takes nothing on other paths", async () => {
      const answer = await fetch(url.replace(NOTIFY_PATH, "/elsewhere"), {
        method: "POST",
        body: "{}",
      });
      assert.equal(answer.status, 404);
    });
  });
}
