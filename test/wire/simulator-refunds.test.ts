import assert from "node:assert/strict";
import { constants, publicEncrypt } from "node:crypto";
import { startSimulator, type Simulator } from "../../src/simulator/index.ts";
import {
  call,
  createOrder,
  open,
  REFUNDS,
  startEndpoint,
  stateOf,
  type Endpoint,
  type Reply,
} from "../support/wechat-merchant.ts";

const START_MS = Date.parse("2026-11-23T12:00:00+08:00");
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

describe("the simulator's refunds", () => {
  let simulator: Simulator;
  let endpoint: Endpoint;
  let outTradeNo: string;
  let transactionId: string;

  before(async () => {
    endpoint = await startEndpoint();
    simulator = await startSimulator({ seed: 1, startTimeMs: START_MS, merchants: [{}, {}] });
  });
  after(async () => {
    await simulator.close();
    await endpoint.close();
  });
  beforeEach(async () => {
    simulator.reset();
    simulator.clock.freeze();
    simulator.clock.set(START_MS);
    simulator.settings.refundSpacing = false;
    endpoint.received.length = 0;
    const order = await createOrder(simulator, { notify_url: endpoint.url });
    outTradeNo = order.outTradeNo;
    transactionId = simulator.user.pay(order.codeUrl).transactionId ?? "";
    await simulator.idle();
    endpoint.received.length = 0;
  });

  let numbers = 0;
  const refundBody = (refund: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
    out_trade_no: outTradeNo,
    out_refund_no: `REFUND@${(numbers += 1)}`,
    notify_url: endpoint.url,
    amount: { refund, total: 9_900, currency: "CNY" },
    ...more,
  });
  const refund = (fen: number, more: Record<string, unknown> = {}): Promise<Reply> =>
    call(simulator, "POST", REFUNDS, refundBody(fen, more));
  const refused = (reply: Reply): unknown[] => [reply.status, reply.json.code];

  it("is accepted as PROCESSING, turns the order to REFUND, and succeeds by the script", async () => {
    simulator.refunds.script("default", "SUCCESS", 5 * MINUTE_MS);
    const { status, json } = await refund(1_000);
    assert.deepEqual([status, json.status, json.success_time], [200, "PROCESSING", undefined]);
    assert.match(json.refund_id, /^50\d+$/);
    assert.deepEqual(
      [json.transaction_id, json.out_trade_no, json.channel],
      [transactionId, outTradeNo, "ORIGINAL"],
    );
    assert.deepEqual([json.amount.total, json.amount.refund, json.amount.payer_refund], [9900, 1000, 1000]);
    assert.equal(await stateOf(simulator, outTradeNo), "REFUND");
    const target = `${REFUNDS}/${json.out_refund_no}`;
    await simulator.clock.advance(5 * MINUTE_MS - 1);
    assert.equal((await call(simulator, "GET", target)).json.status, "PROCESSING");
    await simulator.clock.advance(1);
    const done = (await call(simulator, "GET", target)).json;
    assert.deepEqual([done.status, done.success_time], ["SUCCESS", "2026-11-23T12:05:00+08:00"]);
    const [told] = endpoint.received;
    assert.ok(told);
    assert.equal(JSON.parse(told.raw.toString()).event_type, "REFUND.SUCCESS");
    assert.deepEqual(open(simulator.merchant, told.raw), {
      mchid: simulator.merchant.mchid,
      transaction_id: transactionId,
      out_trade_no: outTradeNo,
      refund_id: json.refund_id,
      out_refund_no: json.out_refund_no,
      refund_status: "SUCCESS",
      success_time: "2026-11-23T12:05:00+08:00",
      user_received_account: "支付用户零钱",
      amount: { total: 9900, refund: 1000, payer_total: 9900, payer_refund: 1000 },
    });
  });

  it("is one refund however often its number asks, and refused when something differs", async () => {
    const body = refundBody(1_000, { reason: "damaged" });
    const first = await call(simulator, "POST", REFUNDS, body);
    const again = await call(simulator, "POST", REFUNDS, body);
    assert.equal(again.json.refund_id, first.json.refund_id);
    assert.equal(simulator.refunds.all().length, 1);
    const other = { ...body, amount: { refund: 1_001, total: 9_900, currency: "CNY" } };
    assert.deepEqual(refused(await call(simulator, "POST", REFUNDS, other)), [400, "INVALID_REQUEST"]);
    const byTransaction: Record<string, unknown> = { ...body, transaction_id: transactionId };
    delete byTransaction["out_trade_no"];
    const same = await call(simulator, "POST", REFUNDS, byTransaction);
    assert.equal(same.json.refund_id, first.json.refund_id);
  });

  it("is refused for amounts and fields that break the rules", async () => {
    const amount = (more: object): Record<string, unknown> => ({
      amount: { refund: 1, total: 9_900, currency: "CNY", ...more },
    });
    for (const more of [
      amount({ refund: 0 }),
      amount({ refund: "1" }),
      amount({ total: 9_901 }),
      amount({ refund: 9_901 }),
      amount({ currency: "USD" }),
      { amount: { refund: 1, total: 9_900 } },
      { transaction_id: transactionId },
      { out_trade_no: undefined },
      { out_refund_no: "a/b" },
      { out_refund_no: "x".repeat(65) },
      { notify_url: "https://a.example/n?x=1" },
      { colour: "red" },
    ]) {
      assert.deepEqual(refused(await refund(1, more)), [400, "PARAM_ERROR"], JSON.stringify(more));
    }
    assert.equal(await stateOf(simulator, outTradeNo), "SUCCESS");
  });

  it("answers RESOURCE_NOT_EXISTS for unknown and unpaid orders and for unknown refunds", async () => {
    const unpaid = await createOrder(simulator);
    for (const number of [unpaid.outTradeNo, "NO_SUCH_ORDER"]) {
      assert.deepEqual(refused(await refund(1, { out_trade_no: number })), [404, "RESOURCE_NOT_EXISTS"]);
    }
    const target = `${REFUNDS}/NO_SUCH_REFUND`;
    assert.deepEqual(refused(await call(simulator, "GET", target)), [404, "RESOURCE_NOT_EXISTS"]);
  });

  it("never gives back more than was paid, over all parts; a closed one doesn't count", async () => {
    simulator.refunds.script("default", "SUCCESS", 0);
    assert.equal((await refund(3_000)).status, 200);
    simulator.refunds.script("default", "CLOSED", 0);
    assert.equal((await refund(3_000)).status, 200);
    await simulator.idle();
    assert.deepEqual(refused(await refund(6_901)), [400, "INVALID_REQUEST"]);
    assert.equal((await refund(6_900)).status, 200);
  });

  it("takes at most fifty parts", async () => {
    for (let at = 0; at < 50; at += 1) assert.equal((await refund(1)).status, 200);
    assert.deepEqual(refused(await refund(1)), [400, "INVALID_REQUEST"]);
  });

  it("keeps parts of one order a minute apart, unless it is told not to", async () => {
    simulator.settings.refundSpacing = true;
    const body = refundBody(1);
    assert.equal((await refund(1)).status, 200);
    assert.deepEqual(refused(await call(simulator, "POST", REFUNDS, body)), [429, "FREQUENCY_LIMITED"]);
    await simulator.clock.advance(MINUTE_MS);
    assert.equal((await call(simulator, "POST", REFUNDS, body)).status, 200);
  });

  it("is possible for 365 days after the payment", async () => {
    await simulator.clock.advance(365 * DAY_MS);
    assert.equal((await refund(1)).status, 200);
    await simulator.clock.advance(1);
    assert.deepEqual(refused(await refund(1)), [400, "INVALID_REQUEST"]);
  });

  it("needs money: NOT_ENOUGH leaves the number free, and it succeeds when there is some", async () => {
    // Of ten yuan six fen are the fee, which comes back.
    simulator.balance.setFen(993n);
    const body = refundBody(1_000, { notify_url: undefined });
    assert.deepEqual(refused(await call(simulator, "POST", REFUNDS, body)), [403, "NOT_ENOUGH"]);
    assert.equal(await stateOf(simulator, outTradeNo), "SUCCESS");
    simulator.balance.setFen(994n);
    assert.equal((await call(simulator, "POST", REFUNDS, body)).status, 200);
    assert.equal(simulator.balance.fen(), 0n);
  });

  it("gives a coupon's share of a payment to nobody", async () => {
    const order = await createOrder(simulator, { notify_url: endpoint.url });
    simulator.user.pay(order.codeUrl, { couponFen: 900n });
    const { json } = await refund(1_100, { out_trade_no: order.outTradeNo });
    assert.deepEqual(
      [json.amount.payer_total, json.amount.payer_refund, json.amount.discount_refund],
      [9000, 1000, 100],
    );
  });

  for (const outcome of ["CLOSED", "ABNORMAL"] as const) {
    it(`can end as ${outcome}, which the callback tells`, async () => {
      const body = refundBody(1_000);
      simulator.refunds.script(String(body["out_refund_no"]), outcome, 1_000);
      await call(simulator, "POST", REFUNDS, body);
      await simulator.clock.advance(1_000);
      const [told] = endpoint.received;
      assert.ok(told);
      assert.equal(JSON.parse(told.raw.toString()).event_type, `REFUND.${outcome}`);
      const resource = open(simulator.merchant, told.raw);
      assert.deepEqual([resource.refund_status, resource.success_time], [outcome, undefined]);
      assert.equal(await stateOf(simulator, outTradeNo), "REFUND");
    });
  }

  it("that is abnormal can be sent to a bank card whose number is encrypted for WeChat Pay", async () => {
    simulator.refunds.script("default", "ABNORMAL", 0);
    const { json } = await refund(1_000);
    await simulator.idle();
    const { publicKeyId, publicKeyPem, platformCertificates } = simulator.merchant;
    const encrypt = (text: string): string => {
      const options = { key: publicKeyPem, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" };
      return publicEncrypt(options, Buffer.from(text)).toString("base64");
    };
    const card = {
      out_refund_no: json.out_refund_no,
      type: "USER_BANK_CARD",
      bank_type: "ICBC_DEBIT",
      bank_account: encrypt("6222000000000000"),
      real_name: encrypt("张三"),
    };
    const target = `${REFUNDS}/${json.refund_id}/apply-abnormal-refund`;
    const keyId = publicKeyId;
    const certificate = platformCertificates[0]?.serial ?? "";
    for (const [body, key] of [
      [{ ...card, real_name: undefined }, keyId],
      [{ ...card, bank_account: "6222000000000000" }, keyId],
      [card, certificate],
      [card, "PUB_KEY_ID_0"],
    ] as const) {
      assert.deepEqual(refused(await call(simulator, "POST", target, body, { keyId: key })), [
        400,
        "PARAM_ERROR",
      ]);
    }
    const applied = await call(simulator, "POST", target, card, { keyId });
    assert.deepEqual([applied.status, applied.json.status], [200, "PROCESSING"]);
    await simulator.idle();
    const done = await call(simulator, "GET", `${REFUNDS}/${json.out_refund_no}`);
    assert.equal(done.json.status, "SUCCESS");
    assert.deepEqual(refused(await call(simulator, "POST", target, card, { keyId })), [
      400,
      "INVALID_REQUEST",
    ]);
  });

  it("tells nobody when neither the refund nor the merchant platform names an address", async () => {
    simulator.refunds.script("default", "SUCCESS", 0);
    await refund(1_000, { notify_url: undefined });
    await simulator.idle();
    assert.equal(endpoint.received.length, 0);
  });
});
