import assert from "node:assert/strict";
import { sign } from "node:crypto";
import * as fc from "fast-check";
import {
  CashierError,
  startSimulator,
  type CashierReason,
  type Simulator,
} from "../../src/simulator/index.ts";
import {
  call,
  close,
  createOrder,
  NATIVE,
  orderBody,
  queryTarget,
  stateOf,
  type Reply,
} from "../support/wechat-merchant.ts";

const START_MS = Date.parse("2026-11-23T12:00:00+08:00");
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const JSAPI = "/v3/pay/transactions/jsapi";
const H5 = "/v3/pay/transactions/h5";
const APP = "/v3/pay/transactions/app";

describe("the simulator's orders", () => {
  let simulator: Simulator;

  before(async () => {
    simulator = await startSimulator({ seed: 1, startTimeMs: START_MS, merchants: [{}, {}] });
  });
  after(() => simulator.close());
  beforeEach(() => {
    simulator.reset();
    simulator.clock.freeze();
    simulator.clock.set(START_MS);
    // Nobody listens; these tests look at orders only.
    simulator.faults.callbacks.drop({ chance: 1 });
  });

  const refused = (reply: Reply): unknown[] => [reply.status, reply.json.code];
  const turnsAway = (reason: CashierReason, act: () => unknown): void => {
    assert.throws(act, (error) => error instanceof CashierError && error.reason === reason);
  };

  describe("creation", () => {
    it("answers a code_url, a prepay_id or an h5_url", async () => {
      const native = await call(simulator, "POST", NATIVE, orderBody(simulator));
      assert.match(native.json.code_url, /^weixin:\/\/wxpay\/bizpayurl\?pr=\w{9}$/);
      const payer = { openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" };
      const page = await call(simulator, "POST", JSAPI, orderBody(simulator, { payer }));
      assert.match(page.json.prepay_id, /^wx20261123120000[0-9a-f]{20}$/);
      const app = await call(simulator, "POST", APP, orderBody(simulator));
      assert.match(app.json.prepay_id, /^wx/);
      const scene = { payer_client_ip: "14.23.150.211", h5_info: { type: "Wap" } };
      const h5 = await call(simulator, "POST", H5, orderBody(simulator, { scene_info: scene }));
      assert.match(
        h5.json.h5_url,
        /^https:\/\/wx\.tenpay\.com\/cgi-bin\/mmpayweb-bin\/checkmweb\?prepay_id=wx/,
      );
    });

    const BAD: readonly (readonly [what: string, field: string, more: Record<string, unknown>])[] = [
      ["an unknown field", "/colour", { colour: "red" }],
      ["an unknown field inside", "/amount/tip", { amount: { total: 1, tip: 1 } }],
      ["a null", "/attach", { attach: null }],
      ["an amount as text", "/amount/total", { amount: { total: "1" } }],
      ["an amount of nothing", "/amount/total", { amount: { total: 0 } }],
      ["a negative amount", "/amount/total", { amount: { total: -1 } }],
      ["a fraction of a fen", "/amount/total", { amount: { total: 1.5 } }],
      ["another currency", "/amount/currency", { amount: { total: 1, currency: "USD" } }],
      ["no description", "/description", { description: undefined }],
      ["an empty description", "/description", { description: "" }],
      ["a description of 128 characters", "/description", { description: "衣".repeat(128) }],
      ["a number of 5 characters", "/out_trade_no", { out_trade_no: "12345" }],
      ["a number of 33 characters", "/out_trade_no", { out_trade_no: "1".repeat(33) }],
      ["a slash in the number", "/out_trade_no", { out_trade_no: "ORDER/0001" }],
      ["a blank in the number", "/out_trade_no", { out_trade_no: "ORDER 0001" }],
      ["a question mark in notify_url", "/notify_url", { notify_url: "https://a.example/n?x=1" }],
      ["no path in notify_url", "/notify_url", { notify_url: "https://a.example" }],
      ["http for a public host", "/notify_url", { notify_url: "http://a.example/n" }],
      ["a relative notify_url", "/notify_url", { notify_url: "/n" }],
      ["a time without its zone", "/time_expire", { time_expire: "2026-11-23T12:30:00" }],
      ["a day that there isn't", "/time_expire", { time_expire: "2026-02-30T12:30:00+08:00" }],
      ["a time with milliseconds", "/time_expire", { time_expire: "2026-11-23T12:30:00.000+08:00" }],
      ["an attach of 129 characters", "/attach", { attach: "a".repeat(129) }],
    ];
    for (const [what, field, more] of BAD) {
      it(`refuses ${what} and names the field`, async () => {
        const { status, json } = await call(simulator, "POST", NATIVE, orderBody(simulator, more));
        assert.deepEqual([status, json.code, json.detail.field], [400, "PARAM_ERROR", field]);
        assert.equal(json.detail.location, "body");
      });
    }

    it("refuses amounts that are written as floats, and what is no JSON", async () => {
      const text = JSON.stringify(orderBody(simulator));
      for (const rawBody of [
        text.replace("9900", "9900.0"),
        text.replace("9900", "99e2"),
        text.slice(1),
        "[]",
      ]) {
        const reply = await call(simulator, "POST", NATIVE, null, { rawBody });
        assert.deepEqual(refused(reply), [400, "PARAM_ERROR"], rawBody);
      }
    });

    it("demands an openid of JSAPI and the payer's address of H5, which can't be this machine", async () => {
      const local = { payer_client_ip: "127.0.0.1", h5_info: { type: "Wap" } };
      for (const [target, more] of [
        [JSAPI, {}],
        [H5, {}],
        [H5, { scene_info: { payer_client_ip: "14.23.150.211" } }],
        [H5, { scene_info: local }],
        [NATIVE, { payer: { openid: "o1" } }],
      ] as const) {
        const reply = await call(simulator, "POST", target, orderBody(simulator, more));
        assert.deepEqual(refused(reply), [400, "PARAM_ERROR"]);
      }
    });

    it("refuses an appid that isn't the merchant's", async () => {
      const reply = await call(
        simulator,
        "POST",
        NATIVE,
        orderBody(simulator, { appid: "wx0000000000000000" }),
      );
      assert.deepEqual(refused(reply), [400, "APPID_MCHID_NOT_MATCH"]);
    });

    it("takes every number of its alphabet and length and nothing else", async () => {
      const any = fc.string({
        unit: fc.constantFrom(..."0aZ_-|*/ ?%.".split("")),
        minLength: 4,
        maxLength: 34,
      });
      await fc.assert(
        fc.asyncProperty(any, async (number) => {
          const reply = await call(
            simulator,
            "POST",
            NATIVE,
            orderBody(simulator, { out_trade_no: number }),
          );
          assert.equal(reply.status === 200, /^[0-9A-Za-z_\-|*]{6,32}$/.test(number), number);
        }),
        { numRuns: 60 },
      );
    });
  });

  describe("a number that is used again", () => {
    it("gives an unpaid order a new code_url for the same parameters, and ends the older one", async () => {
      const { codeUrl, body } = await createOrder(simulator);
      const reordered = Object.fromEntries(Object.entries(body).reverse());
      const again = await call(simulator, "POST", NATIVE, reordered);
      assert.equal(again.status, 200);
      assert.notEqual(again.json.code_url, codeUrl);
      turnsAway("SUPERSEDED", () => simulator.user.scan(codeUrl));
      assert.equal(simulator.user.scan(again.json.code_url).totalFen, 9_900n);
      assert.equal(simulator.orders.all().length, 1);
    });

    it("refuses other parameters of an unpaid order with INVALID_REQUEST", async () => {
      const { body } = await createOrder(simulator);
      for (const more of [
        { amount: { total: 9_901, currency: "CNY" } },
        { description: "x" },
        { attach: "x" },
      ]) {
        const reply = await call(simulator, "POST", NATIVE, { ...body, ...more });
        assert.deepEqual(refused(reply), [400, "INVALID_REQUEST"]);
        assert.match(reply.headers["request-id"] ?? "", /-268498688$/);
      }
      const other = await call(simulator, "POST", APP, body);
      assert.deepEqual(refused(other), [400, "INVALID_REQUEST"]);
    });

    it("refuses paid orders with ORDERPAID, closed and expired ones with ORDER_CLOSED", async () => {
      const paid = await createOrder(simulator);
      simulator.user.pay(paid.codeUrl);
      const closed = await createOrder(simulator);
      await close(simulator, closed.outTradeNo);
      const expired = await createOrder(simulator, { time_expire: "2026-11-23T12:30:00+08:00" });
      await simulator.clock.advance(31 * MINUTE_MS);
      for (const [{ body }, code] of [
        [paid, "ORDERPAID"],
        [closed, "ORDER_CLOSED"],
        [expired, "ORDER_CLOSED"],
      ] as const) {
        assert.deepEqual(refused(await call(simulator, "POST", NATIVE, body)), [400, code]);
        const other = { ...body, description: "another" };
        assert.deepEqual(refused(await call(simulator, "POST", NATIVE, other)), [400, code]);
      }
    });

    it("keeps the numbers of merchants apart", async () => {
      const [, second] = simulator.merchants;
      assert.ok(second);
      const { outTradeNo } = await createOrder(simulator);
      const body = orderBody(simulator, { out_trade_no: outTradeNo }, second);
      assert.equal((await call(simulator, "POST", NATIVE, body, { facts: second })).status, 200);
      assert.equal(simulator.orders.all().length, 2);
    });
  });

  describe("time", () => {
    it("lets a code_url be scanned for two hours and an h5_url for five minutes", async () => {
      const { codeUrl } = await createOrder(simulator);
      const scene = { payer_client_ip: "14.23.150.211", h5_info: { type: "Wap" } };
      const h5 = await call(simulator, "POST", H5, orderBody(simulator, { scene_info: scene }));
      await simulator.clock.advance(5 * MINUTE_MS);
      simulator.user.scan(h5.json.h5_url);
      await simulator.clock.advance(1);
      turnsAway("EXPIRED", () => simulator.user.scan(h5.json.h5_url));
      await simulator.clock.advance(2 * HOUR_MS - 5 * MINUTE_MS - 1);
      simulator.user.scan(codeUrl);
      await simulator.clock.advance(1);
      turnsAway("EXPIRED", () => simulator.user.scan(codeUrl));
    });

    it("moves time_expire to a minute after creation at least and to ninety days at most", async () => {
      const soon = await createOrder(simulator, { time_expire: "2026-11-23T11:00:00+08:00" });
      const far = await createOrder(simulator, { time_expire: "2027-11-23T12:00:00Z" });
      const noon = await createOrder(simulator, { time_expire: "2026-11-23T04:30:00Z" });
      const expiry = (name: string): number => (simulator.orders.find(name)?.expireMs ?? 0) - START_MS;
      assert.equal(expiry(soon.outTradeNo), MINUTE_MS);
      assert.equal(expiry(far.outTradeNo), 90 * DAY_MS);
      assert.equal(expiry(noon.outTradeNo), 30 * MINUTE_MS);
      await simulator.clock.advance(MINUTE_MS + 1);
      turnsAway("EXPIRED", () => simulator.user.scan(soon.codeUrl));
      assert.equal(await stateOf(simulator, soon.outTradeNo), "NOTPAY");
    });

    it("closes an order that nobody has paid for a week, and no sooner", async () => {
      const { outTradeNo } = await createOrder(simulator);
      await simulator.clock.advance(7 * DAY_MS - 1);
      assert.equal(await stateOf(simulator, outTradeNo), "NOTPAY");
      await simulator.clock.advance(1);
      assert.equal(await stateOf(simulator, outTradeNo), "CLOSED");
    });
  });

  describe("the payer", () => {
    it("pays once: the order has a transaction_id of 28 digits, a payer and a time in +08:00", async () => {
      const { outTradeNo, codeUrl } = await createOrder(simulator, { attach: "plan=monthly" });
      const unpaid = await call(simulator, "GET", queryTarget(simulator, outTradeNo));
      assert.equal(unpaid.json.transaction_id, undefined);
      assert.equal(unpaid.json.success_time, undefined);
      await simulator.clock.advance(MINUTE_MS);
      const view = simulator.user.pay(codeUrl, { openid: "oPayer", bankType: "CMB_DEBIT" });
      const { json } = await call(simulator, "GET", queryTarget(simulator, outTradeNo));
      assert.match(json.transaction_id, /^4200\d{24}$/);
      assert.equal(json.transaction_id, view.transactionId);
      assert.deepEqual(
        [json.trade_state, json.trade_type, json.bank_type, json.success_time, json.payer, json.attach],
        [
          "SUCCESS",
          "NATIVE",
          "CMB_DEBIT",
          "2026-11-23T12:01:00+08:00",
          { openid: "oPayer" },
          "plan=monthly",
        ],
      );
      assert.deepEqual(json.amount, {
        total: 9900,
        payer_total: 9900,
        currency: "CNY",
        payer_currency: "CNY",
      });
      turnsAway("PAID", () => simulator.user.pay(codeUrl));
    });

    it("pays less with a coupon, and the total stays", async () => {
      const { outTradeNo, codeUrl } = await createOrder(simulator);
      simulator.user.pay(codeUrl, { couponFen: 900n });
      const { json } = await call(simulator, "GET", queryTarget(simulator, outTradeNo));
      assert.deepEqual([json.amount.total, json.amount.payer_total], [9900, 9000]);
      assert.equal(json.promotion_detail[0].amount, 900);
    });

    it("stands at the cashier alone; who leaves or is refused by the bank makes room", async () => {
      const { outTradeNo, codeUrl } = await createOrder(simulator);
      simulator.user.begin(codeUrl, { openid: "oFirst" });
      turnsAway("LOCKED", () => simulator.user.begin(codeUrl, { openid: "oSecond" }));
      turnsAway("LOCKED", () => simulator.user.confirm(codeUrl, { openid: "oSecond" }));
      simulator.user.cancel(codeUrl);
      simulator.user.begin(codeUrl, { openid: "oSecond" });
      simulator.user.fail(codeUrl);
      assert.equal(await stateOf(simulator, outTradeNo), "NOTPAY");
      turnsAway("LOCKED", () => simulator.user.confirm(codeUrl));
      assert.equal(simulator.user.pay(codeUrl, { openid: "oThird" }).openid, "oThird");
    });

    it("of a JSAPI order is the one whom the merchant named", async () => {
      const body = orderBody(simulator, { payer: { openid: "oNamed" } });
      const { prepay_id: prepayId } = (await call(simulator, "POST", JSAPI, body)).json;
      turnsAway("OPENID", () => simulator.user.pay(prepayId, { openid: "oOther" }));
      assert.equal(simulator.user.pay(prepayId).openid, "oNamed");
    });

    it("gets to the cashier by parameters that the merchant has signed, and by no others", async () => {
      const { appid, mchid, privateKeyPem } = simulator.merchant;
      const signed = (...lines: string[]): string =>
        sign("sha256", Buffer.from(lines.map((line) => `${line}\n`).join("")), privateKeyPem).toString(
          "base64",
        );
      const body = orderBody(simulator, { payer: { openid: "oNamed" } });
      const page = (await call(simulator, "POST", JSAPI, body)).json.prepay_id;
      const parameters = {
        appId: appid,
        timeStamp: "1795406400",
        nonceStr: "593BEC0C930BF1AFEB40B4A08C8FB242",
        package: `prepay_id=${page}`,
        signType: "RSA",
        paySign: signed(appid, "1795406400", "593BEC0C930BF1AFEB40B4A08C8FB242", `prepay_id=${page}`),
      };
      assert.equal(simulator.user.invoke(parameters), page);
      turnsAway("SIGNATURE", () => simulator.user.invoke({ ...parameters, timeStamp: "1795406401" }));
      turnsAway("SIGNATURE", () => simulator.user.invoke({ ...parameters, signType: "MD5" }));
      const foreign = { ...parameters, appId: "wx0000000000000000" };
      const paySign = signed(foreign.appId, "1795406400", foreign.nonceStr, foreign.package);
      turnsAway("SIGNATURE", () => simulator.user.invoke({ ...foreign, paySign }));
      const app = (await call(simulator, "POST", APP, orderBody(simulator))).json.prepay_id;
      const called = {
        appid,
        partnerid: mchid,
        prepayid: app,
        package: "Sign=WXPay",
        noncestr: "n",
        timestamp: "1",
      };
      assert.equal(simulator.user.invoke({ ...called, sign: signed(appid, "1", "n", app) }), app);
      const asPage = signed(appid, "1", "n", `prepay_id=${app}`);
      turnsAway("SIGNATURE", () => simulator.user.invoke({ ...called, sign: asPage }));
    });
  });

  describe("queries", () => {
    it("find an order by either number, and one that isn't there not at all", async () => {
      const { outTradeNo, codeUrl } = await createOrder(simulator);
      const { transactionId } = simulator.user.pay(codeUrl);
      const { mchid } = simulator.merchant;
      const byId = `/v3/pay/transactions/id/${transactionId}?mchid=${mchid}`;
      assert.equal((await call(simulator, "GET", byId)).json.out_trade_no, outTradeNo);
      assert.deepEqual(refused(await call(simulator, "GET", queryTarget(simulator, "NO_SUCH_ORDER"))), [
        404,
        "ORDER_NOT_EXIST",
      ]);
    });

    it("demand mchid, and refuse another merchant's order", async () => {
      const { outTradeNo, codeUrl } = await createOrder(simulator);
      const { transactionId } = simulator.user.pay(codeUrl);
      const bare = queryTarget(simulator, outTradeNo).split("?")[0] ?? "";
      assert.deepEqual(refused(await call(simulator, "GET", bare)), [400, "PARAM_ERROR"]);
      const [, second] = simulator.merchants;
      assert.ok(second);
      const byId = `/v3/pay/transactions/id/${transactionId}?mchid=${second.mchid}`;
      assert.deepEqual(refused(await call(simulator, "GET", byId, undefined, { facts: second })), [
        400,
        "INVALID_REQUEST",
      ]);
      const byNumber = `/v3/pay/transactions/out-trade-no/${outTradeNo}?mchid=${second.mchid}`;
      const reply = await call(simulator, "GET", byNumber, undefined, { facts: second });
      assert.deepEqual(refused(reply), [404, "ORDER_NOT_EXIST"]);
    });

    it("tell the states that other products have, where a test puts an order into one", async () => {
      const { outTradeNo } = await createOrder(simulator);
      for (const state of ["USERPAYING", "PAYERROR", "REVOKED"] as const) {
        simulator.orders.force(outTradeNo, state);
        assert.equal(await stateOf(simulator, outTradeNo), state);
      }
    });
  });

  describe("closing", () => {
    it("answers 204 again and again, and nothing leads out of CLOSED", async () => {
      const { outTradeNo, codeUrl } = await createOrder(simulator);
      assert.equal((await close(simulator, outTradeNo)).status, 204);
      assert.equal((await close(simulator, outTradeNo)).status, 204);
      turnsAway("CLOSED", () => simulator.user.pay(codeUrl));
      assert.equal(await stateOf(simulator, outTradeNo), "CLOSED");
    });

    it("refuses a paid order with ORDER_PAID, and a body that isn't just mchid", async () => {
      const { outTradeNo, codeUrl } = await createOrder(simulator);
      const target = `/v3/pay/transactions/out-trade-no/${outTradeNo}/close`;
      const { mchid } = simulator.merchant;
      for (const body of [{}, { mchid, reason: "x" }, { mchid: 1 }]) {
        assert.deepEqual(refused(await call(simulator, "POST", target, body)), [400, "PARAM_ERROR"]);
      }
      simulator.user.pay(codeUrl);
      assert.deepEqual(refused(await close(simulator, outTradeNo)), [400, "ORDER_PAID"]);
    });

    it("burns a number that was never created, or answers 404 where it is told to", async () => {
      const body = orderBody(simulator);
      const number = String(body["out_trade_no"]);
      assert.equal((await close(simulator, number)).status, 204);
      assert.deepEqual(refused(await call(simulator, "POST", NATIVE, body)), [400, "INVALID_REQUEST"]);
      simulator.settings.closeUnknown = "not-found";
      assert.deepEqual(refused(await close(simulator, "NEVER_MADE")), [404, "ORDER_NOT_EXIST"]);
    });

    it("races with a payment: one of the two wins, whichever is first at the barrier", async () => {
      const paidFirst = await createOrder(simulator);
      const gate = simulator.faults.hold({ path: "/v3/pay/transactions/out-trade-no/" });
      const closing = close(simulator, paidFirst.outTradeNo);
      await gate.reached;
      simulator.user.pay(paidFirst.codeUrl);
      gate.release();
      assert.deepEqual(refused(await closing), [400, "ORDER_PAID"]);
      assert.equal(await stateOf(simulator, paidFirst.outTradeNo), "SUCCESS");

      const closedFirst = await createOrder(simulator);
      simulator.user.begin(closedFirst.codeUrl, { openid: "oPayer" });
      assert.equal((await close(simulator, closedFirst.outTradeNo)).status, 204);
      turnsAway("CLOSED", () => simulator.user.confirm(closedFirst.codeUrl));
      assert.equal(await stateOf(simulator, closedFirst.outTradeNo), "CLOSED");
    });
  });
});
