import assert from "node:assert/strict";
import { CORRUPT_LAYERS, startSimulator, type KeyMode, type Simulator } from "../../src/simulator/index.ts";
import { GatewayFault, type PrepayRequest } from "../../src/billing/order/gateway.ts";
import type { Notice, NoticeOutcome } from "../../src/billing/order/inbox.ts";
import { startCallbackEndpoint, type CallbackEndpoint } from "../../src/wechat/callback-endpoint.ts";
import { createGateway, type WechatGateway } from "../../src/wechat/gateway.ts";
import type { OpenNotice } from "../../src/wechat/notice.ts";
import type { WechatOptions } from "../../src/wechat/options.ts";
import { keepingLog } from "../support/service.ts";

const MODES: readonly KeyMode[] = ["certificate", "public-key", "mixed"];

function gatewayTo(simulator: Simulator, mode: KeyMode, more: Partial<WechatOptions> = {}): WechatGateway {
  const { merchant } = simulator;
  const options: WechatOptions = {
    appid: merchant.appid,
    mchid: merchant.mchid,
    merchantSerial: merchant.serial,
    merchantPrivateKey: merchant.privateKeyPem,
    apiV3Key: merchant.apiV3Key,
    publicKey:
      mode === "certificate" ? undefined : { id: merchant.publicKeyId, pem: merchant.publicKeyPem },
    certificates: mode !== "public-key",
    notifyUrl: "http://127.0.0.1:9/wechat/notify",
    baseUrls: [simulator.url],
    ...more,
  };
  return createGateway(options, { log: keepingLog().log, now: () => simulator.clock.now() });
}

function orderOf(simulator: Simulator, outTradeNo: string, more: Partial<PrepayRequest> = {}): PrepayRequest {
  return {
    channel: "NATIVE",
    outTradeNo,
    description: "会员 一个月",
    amountFen: 9_900n,
    expireTimeMs: Math.trunc(simulator.clock.now() / 1000) * 1000 + 3_600_000,
    payerOpenid: null,
    clientIp: null,
    ...more,
  };
}

for (const mode of MODES) {
  describe(`the gateway and WeChat Pay with keys of mode ${mode}`, () => {
    let simulator: Simulator;
    let gateway: WechatGateway;
    before(async () => {
      simulator = await startSimulator({ keyMode: mode });
    });
    beforeEach(() => {
      simulator.reset();
      gateway = gatewayTo(simulator, mode);
    });
    afterEach(() => gateway.close());
    after(() => simulator.close());

    const codeUrl = async (request: PrepayRequest) => {
      const answer = await gateway.prepay(request);
      assert(answer.kind === "ready" && answer.payable.channel === "NATIVE");
      return answer.payable.codeUrl;
    };

    it("an order is made, paid, found, refunded in part, and the refund is found", async () => {
      const request = orderOf(simulator, "ord_life_1");
      const url = await codeUrl(request);
      const unpaid = await gateway.queryTrade("ord_life_1");
      assert(unpaid.kind === "trade");
      assert.equal(unpaid.trade.state, "NOTPAY");
      assert.equal(unpaid.trade.transactionId, null);
      simulator.user.begin(url);
      const { transactionId } = simulator.user.confirm(url, { couponFen: 100n });
      const paid = await gateway.queryTrade("ord_life_1");
      assert(paid.kind === "trade");
      assert.equal(paid.trade.state, "SUCCESS");
      assert.equal(paid.trade.totalFen, 9_900n);
      assert.equal(paid.trade.payerTotalFen, 9_800n);
      assert.equal(paid.trade.transactionId, transactionId);
      assert.deepEqual(await gateway.prepay(request), { kind: "already-paid" });
      assert.deepEqual(await gateway.closeTrade("ord_life_1"), { kind: "already-paid" });
      simulator.refunds.script("default", "SUCCESS", 60_000);
      const back = {
        outRefundNo: "ref_life_1",
        transactionId: transactionId!,
        amountFen: 900n,
        totalFen: 9_900n,
        reason: "任务失败",
      };
      const asked = await gateway.refund(back);
      assert(asked.kind === "refund");
      assert.equal(asked.refund.status, "PROCESSING");
      const again = await gateway.refund(back);
      assert(again.kind === "refund");
      assert.equal(again.refund.providerRefundId, asked.refund.providerRefundId);
      await simulator.clock.advance(120_000);
      const done = await gateway.queryRefund("ref_life_1");
      assert(done.kind === "refund");
      assert.equal(done.refund.status, "SUCCESS");
      assert.equal(done.refund.amountFen, 900n);
      assert.equal(simulator.refunds.all().length, 1);
    });

    it("a refund that went wrong is paid out to a card, whose number only WeChat Pay reads", async () => {
      const url = await codeUrl(orderOf(simulator, "ord_card_1"));
      simulator.user.begin(url);
      const { transactionId } = simulator.user.confirm(url);
      simulator.refunds.script("default", "ABNORMAL", 1_000);
      const amounts = { amountFen: 9_900n, totalFen: 9_900n };
      const back = { outRefundNo: "ref_card_1", transactionId: transactionId!, reason: "", ...amounts };
      assert.equal((await gateway.refund(back)).kind, "refund");
      await simulator.clock.advance(60_000);
      const abnormal = await gateway.queryRefund("ref_card_1");
      assert(abnormal.kind === "refund");
      assert.equal(abnormal.refund.status, "ABNORMAL");
      const paidOut = await gateway.applyAbnormalRefund({
        providerRefundId: abnormal.refund.providerRefundId,
        outRefundNo: "ref_card_1",
        type: "USER_BANK_CARD",
        bankType: "ICBC_DEBIT",
        bankAccount: "6222020200001234567",
        realName: "张三",
      });
      assert(paidOut.kind === "refund");
      assert.equal(paidOut.refund.status, "PROCESSING");
      const sent = simulator.journal.filter((entry) => entry.kind === "request").at(-1);
      assert(!sent?.body.toString().includes("6222020200001234567"));
    });

    it("a closed order is closed again, can't be made again, and nothing unknown is found", async () => {
      const request = orderOf(simulator, "ord_close_1");
      await codeUrl(request);
      assert.deepEqual(await gateway.closeTrade("ord_close_1"), { kind: "closed" });
      assert.deepEqual(await gateway.closeTrade("ord_close_1"), { kind: "closed" });
      assert.deepEqual(await gateway.prepay(request), { kind: "closed" });
      assert.deepEqual(await gateway.queryTrade("ord_nobody"), { kind: "unknown" });
      assert.equal((await gateway.queryRefund("ref_nobody")).kind, "unknown");
    });

    it("a changed amount under the same number is a conflict; the same again gives a new code", async () => {
      const request = orderOf(simulator, "ord_again_1");
      const first = await codeUrl(request);
      const second = await codeUrl(request);
      assert.notEqual(first, second);
      assert.throws(() => simulator.user.scan(first));
      assert.equal(simulator.user.scan(second).outTradeNo, "ord_again_1");
      const changed = await gateway.prepay({ ...request, amountFen: 1n });
      assert.equal(changed.kind, "conflict");
    });

    it("every channel gives what its device needs", async () => {
      const openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
      const jsapi = await gateway.prepay(
        orderOf(simulator, "ord_jsapi", { channel: "JSAPI", payerOpenid: openid }),
      );
      const app = await gateway.prepay(orderOf(simulator, "ord_app", { channel: "APP" }));
      const h5 = await gateway.prepay(
        orderOf(simulator, "ord_h5", { channel: "H5", clientIp: "203.0.113.7" }),
      );
      assert(jsapi.kind === "ready" && jsapi.payable.channel === "JSAPI");
      assert(app.kind === "ready" && app.payable.channel === "APP");
      assert(h5.kind === "ready" && h5.payable.channel === "H5");
      const prepayId = jsapi.payable.parameters.package.slice("prepay_id=".length);
      assert.equal(simulator.user.scan(prepayId, { openid }).outTradeNo, "ord_jsapi");
      assert.equal(simulator.user.scan(app.payable.parameters.prepayid).outTradeNo, "ord_app");
      assert.match(h5.payable.h5Url, /^https:\/\//);
      assert.equal(h5.validMs, 300_000);
    });

    it("a probing signature, a bad one and headers that are missing cost one more attempt", async () => {
      const kinds = ["signtest", "bad-signature", "altered-body", "unknown-serial", "wrong-serial"] as const;
      for (const kind of kinds) {
        simulator.faults.next({ path: "/v3/pay" }, { kind });
        await codeUrl(orderOf(simulator, `ord_${kind}`));
      }
      simulator.faults.next({ path: "/v3/pay" }, { kind: "missing-headers" });
      await codeUrl(orderOf(simulator, "ord_missing"));
      for (const offsetSeconds of [-301, 301]) {
        simulator.faults.next({ path: "/v3/pay" }, { kind: "timestamp", offsetSeconds });
        await codeUrl(orderOf(simulator, `ord_stale${offsetSeconds}`));
      }
    });

    it("an answer that is never rightly signed is believed by nobody", async () => {
      simulator.faults.next({ path: "/v3/pay" }, { kind: "bad-signature" }, 9);
      await assert.rejects(codeUrl(orderOf(simulator, "ord_forged")), isFault("untrusted"));
      assert.notEqual(simulator.orders.find("ord_forged"), null);
    });

    it("a cut connection or a 500 after the order was made, 429, a proxy's page: asked again", async () => {
      simulator.faults.next({ path: "/v3/pay" }, { kind: "reset", when: "after" });
      await codeUrl(orderOf(simulator, "ord_reset"));
      simulator.faults.next({ path: "/v3/pay" }, { kind: "system-error", when: "after" });
      await codeUrl(orderOf(simulator, "ord_500"));
      simulator.faults.next({ path: "/v3/pay" }, { kind: "rate-limited" });
      await codeUrl(orderOf(simulator, "ord_429"));
      simulator.faults.next({ path: "/v3/pay" }, { kind: "bad-gateway" });
      await codeUrl(orderOf(simulator, "ord_502"));
      simulator.faults.next({ path: "/v3/pay" }, { kind: "rate-limited" }, 9);
      await assert.rejects(codeUrl(orderOf(simulator, "ord_many")), isFault("rate-limited"));
    });
  });
}

describe("callbacks of WeChat Pay at the endpoint", () => {
  let simulator: Simulator;
  let gateway: WechatGateway;
  let endpoint: CallbackEndpoint;
  let outcome: NoticeOutcome;
  const received: Notice[] = [];
  before(async () => {
    simulator = await startSimulator({ keyMode: "mixed" });
  });
  beforeEach(async () => {
    simulator.reset();
    received.length = 0;
    outcome = "settled";
    // The endpoint's address is known only once it listens, and is part of the gateway's options.
    const open: OpenNotice = (headers, body) => gateway.openNotice(headers, body);
    endpoint = await startCallbackEndpoint({
      host: "127.0.0.1",
      port: 0,
      path: "/wechat/notify",
      open,
      inbox: {
        receive(notice) {
          received.push(notice);
          return Promise.resolve(outcome);
        },
      },
      observer: { answered: () => undefined },
      log: keepingLog().log,
    });
    const notifyUrl = `http://127.0.0.1:${endpoint.port}/wechat/notify`;
    gateway = gatewayTo(simulator, "mixed", { notifyUrl });
  });
  afterEach(async () => {
    await endpoint.close();
    await gateway.close();
  });
  after(() => simulator.close());

  const pay = async (outTradeNo: string) => {
    const answer = await gateway.prepay(orderOf(simulator, outTradeNo));
    assert(answer.kind === "ready" && answer.payable.channel === "NATIVE");
    simulator.user.begin(answer.payable.codeUrl);
    const { transactionId } = simulator.user.confirm(answer.payable.codeUrl);
    await simulator.idle();
    return transactionId!;
  };
  const statuses = () =>
    simulator.journal
      .filter((entry) => entry.kind === "callback")
      .map(({ outcome: told }) => (told !== null && "status" in told ? told.status : 0));

  it("a payment and its refund arrive, each once", async () => {
    const transactionId = await pay("ord_told_1");
    simulator.refunds.script("default", "SUCCESS", 1_000);
    const amounts = { amountFen: 900n, totalFen: 9_900n };
    const refund = { outRefundNo: "ref_told_1", transactionId, reason: "", ...amounts };
    assert.equal((await gateway.refund(refund)).kind, "refund");
    await simulator.clock.advance(60_000);
    await simulator.idle();
    assert.deepEqual(
      received.map(({ kind }) => kind),
      ["payment", "refund"],
    );
    const [payment, back] = received;
    assert(payment?.kind === "payment" && back?.kind === "refund");
    assert.equal(payment.trade.transactionId, transactionId);
    assert.equal(back.refund.status, "SUCCESS");
    assert.deepEqual(statuses(), [204, 204]);
  });

  for (const layer of CORRUPT_LAYERS) {
    it(`a callback with a wrong ${layer} is refused, and the genuine one that follows is taken`, async () => {
      simulator.faults.callbacks.corrupt(layer);
      await pay("ord_corrupt");
      assert.deepEqual(received, []);
      const [first = 0] = statuses();
      assert(first >= 400 && first < 500);
      await simulator.clock.advance(15_000);
      assert.equal(received.length, 1);
      assert.deepEqual(statuses().slice(1), [204]);
    });
  }

  it("a probe is refused and the true callback after it taken; another merchant's is refused", async () => {
    simulator.faults.callbacks.probe();
    await pay("ord_probe");
    assert.deepEqual(statuses(), [401, 204]);
    simulator.faults.callbacks.otherMerchant();
    await pay("ord_other");
    assert.equal(statuses().at(-1), 403);
    assert.equal(received.length, 1);
  });

  it("empty associated data is taken, an unknown event kept as strange, an orphan sent again", async () => {
    simulator.faults.callbacks.emptyAssociatedData();
    await pay("ord_empty");
    simulator.faults.callbacks.unknownEvent();
    await pay("ord_unknown");
    assert.deepEqual(
      received.map(({ kind }) => kind),
      ["payment", "strange"],
    );
    outcome = "orphaned";
    await pay("ord_orphan");
    outcome = "settled";
    await simulator.clock.advance(15_000);
    assert.deepEqual(statuses(), [204, 204, 503, 204]);
    assert.equal(received.length, 4);
  });
});

describe("a clock that is wrong", () => {
  it("by six minutes is told as such, without a storm of attempts", async () => {
    const simulator = await startSimulator({ keyMode: "public-key" });
    const { merchant } = simulator;
    const options: WechatOptions = {
      appid: merchant.appid,
      mchid: merchant.mchid,
      merchantSerial: merchant.serial,
      merchantPrivateKey: merchant.privateKeyPem,
      apiV3Key: merchant.apiV3Key,
      publicKey: { id: merchant.publicKeyId, pem: merchant.publicKeyPem },
      certificates: false,
      notifyUrl: "http://127.0.0.1:9/wechat/notify",
      baseUrls: [simulator.url],
    };
    const gateway = createGateway(options, {
      log: keepingLog().log,
      now: () => simulator.clock.now() + 360_000,
    });
    await assert.rejects(gateway.prepay(orderOf(simulator, "ord_skew")), isFault("unauthorized"));
    assert.equal(simulator.journal.length, 1);
    await gateway.close();
    await simulator.close();
  });
});

function isFault(kind: GatewayFault["kind"]): (error: unknown) => boolean {
  return (error) => error instanceof GatewayFault && error.kind === kind;
}
