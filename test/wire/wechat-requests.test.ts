/** What is sent to WeChat Pay, what is made of its answers, and what of none. */
import assert from "node:assert/strict";
import { constants, createPublicKey, privateDecrypt, verify } from "node:crypto";
import * as fc from "fast-check";
import { GatewayFault, type PrepayRequest } from "../../src/billing/order/gateway.ts";
import { createGateway, type WechatGateway } from "../../src/wechat/gateway.ts";
import { readOptions, type WechatOptions } from "../../src/wechat/options.ts";
import { freePort } from "../../src/local/port.ts";
import { keepingLog } from "../support/service.ts";
import {
  APPID,
  MCHID,
  MERCHANT,
  newKey,
  PAID,
  PLATFORM,
  startFakeWechat,
  told,
  wechatOptions,
  type Asked,
  type FakeWechat,
  type Told,
} from "../support/wechat.ts";

const NATIVE = { code_url: "weixin://wxpay/bizpayurl?pr=JyC91EIz1" };
const ORDER: PrepayRequest = {
  channel: "NATIVE",
  outTradeNo: "ord_0001",
  description: "会员 👗 一个月",
  amountFen: 9_900n,
  expireTimeMs: Date.parse("2026-11-23T12:00:00+08:00"),
  payerOpenid: null,
  clientIp: null,
};
/** The answer to a refund, which names no merchant. */
const REFUND = {
  refund_id: "50000000382019052709732678859",
  out_refund_no: "ref_0001",
  transaction_id: PAID.transaction_id,
  out_trade_no: PAID.out_trade_no,
  channel: "ORIGINAL",
  create_time: "2026-11-23T13:00:00+08:00",
  status: "PROCESSING",
  amount: { total: 9900, refund: 900, currency: "CNY" },
};
const BACK = {
  outRefundNo: "ref_0001",
  transactionId: PAID.transaction_id,
  amountFen: 900n,
  totalFen: 9_900n,
  reason: "",
};

describe("requests to WeChat Pay", () => {
  let fake: FakeWechat;
  let gateway: WechatGateway;
  let answer: (asked: Asked, count: number) => Told | Promise<Told>;
  const outcomes: string[] = [];

  const open = (more: Partial<WechatOptions> = {}) =>
    createGateway(wechatOptions({ baseUrls: [fake.url], ...more }), {
      log: keepingLog().log,
      observer: {
        attempted: (operation, _, outcome) => void outcomes.push(`${operation} ${outcome}`),
        signed: () => undefined,
      },
    });
  beforeEach(async () => {
    outcomes.length = 0;
    answer = () => told(NATIVE);
    fake = await startFakeWechat((asked, count) => answer(asked, count));
    gateway = open();
  });
  afterEach(async () => {
    await gateway.close();
    await fake.close();
  });

  const fails = (call: Promise<unknown>, kind: GatewayFault["kind"]) =>
    assert.rejects(call, (error) => error instanceof GatewayFault && error.kind === kind);
  const sayNo = (status: number, code: string, message = "") => {
    answer = () => ({ status, body: JSON.stringify({ code, message }) });
  };

  it("the signature is over the bytes that are sent, with a nonce that nobody can guess", async () => {
    await gateway.prepay(ORDER);
    await gateway.prepay({ ...ORDER, outTradeNo: "ord|*-_2" });
    const nonces = fake.asked.map((asked) => assertSigned(asked));
    assert.equal(new Set(nonces).size, 2);
    for (const nonce of nonces) assert.match(nonce, /^[0-9A-F]{32}$/);
    const [first] = fake.asked;
    assert.equal(first?.target, "/v3/pay/transactions/native");
    assert.deepEqual(JSON.parse(first.body.toString()), {
      appid: APPID,
      mchid: MCHID,
      description: ORDER.description,
      out_trade_no: "ord_0001",
      time_expire: "2026-11-23T12:00:00+08:00",
      notify_url: "https://pay.example.com/wechat/notify",
      amount: { total: 9900, currency: "CNY" },
    });
    assert.equal(first.headers.accept, "application/json");
    assert.equal(first.headers["content-type"], "application/json");
    assert.equal(first.headers["user-agent"], "billing-guard");
  });

  it("numbers in paths are encoded before they are signed", async () => {
    answer = () => told({ ...PAID, out_trade_no: "ord|*-_2" });
    await gateway.queryTrade("ord|*-_2");
    answer = () => told(null, 204);
    await gateway.closeTrade("ord|*-_2");
    answer = () => told({ ...REFUND, out_refund_no: "ref|@*" });
    await gateway.queryRefund("ref|@*");
    for (const asked of fake.asked) assertSigned(asked);
    assert.deepEqual(
      fake.asked.map(({ method, target }) => `${method} ${target}`),
      [
        `GET /v3/pay/transactions/out-trade-no/ord%7C*-_2?mchid=${MCHID}`,
        "POST /v3/pay/transactions/out-trade-no/ord%7C*-_2/close",
        "GET /v3/refund/domestic/refunds/ref%7C%40*",
      ],
    );
    assert.equal(fake.asked[1]?.body.toString(), `{"mchid":"${MCHID}"}`);
  });

  it("descriptions of any letters are signed as they are sent", async () => {
    const letters = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
      // oxlint-disable-next-line no-control-regex -- they are what it is about
      .filter((text) => Buffer.byteLength(text) <= 127 && !/[,`\u0000-\u001f\u007f]/.test(text));
    await fc.assert(
      fc.asyncProperty(letters, async (description) => {
        await gateway.prepay({ ...ORDER, description });
        const asked = fake.asked.at(-1)!;
        assertSigned(asked);
        assert.equal((JSON.parse(asked.body.toString()) as { description: string }).description, description);
      }),
      { numRuns: 40 },
    );
  });

  it("the key that shall sign the answer is named in every request; none in certificate mode", async () => {
    await gateway.prepay(ORDER);
    answer = () => told(PAID);
    await gateway.queryTrade(ORDER.outTradeNo);
    for (const { headers } of fake.asked) assert.equal(headers["wechatpay-serial"], PLATFORM.id);
    fake.asked.length = 0;
    answer = () => ({ status: 404, body: JSON.stringify({ code: "RESOURCE_NOT_EXISTS", message: "" }) });
    const old = open({ publicKey: undefined, certificates: true });
    assert.equal((await old.queryTrade(ORDER.outTradeNo)).kind, "unknown");
    assert(fake.asked.length > 0);
    for (const { headers } of fake.asked) assert.equal(headers["wechatpay-serial"], undefined);
    await old.close();
  });

  it("numbers and texts beyond their rules are refused before anything is signed", async () => {
    const wrong = ["abcde", "a".repeat(33), "ord/../x", "ord?a=1", "ord%2F1", "ord 0001", "ord_👗1", ""];
    for (const outTradeNo of wrong) {
      await assert.rejects(gateway.prepay({ ...ORDER, outTradeNo }), /an order's number/);
      await assert.rejects(gateway.queryTrade(outTradeNo), /an order's number/);
      await assert.rejects(gateway.closeTrade(outTradeNo), /an order's number/);
    }
    for (const outRefundNo of ["", "a".repeat(65), "r/1", "r?1", "r 1"]) {
      await assert.rejects(gateway.refund({ ...BACK, outRefundNo }), /a refund's number/);
      await assert.rejects(gateway.queryRefund(outRefundNo), /a refund's number/);
    }
    for (const description of ["", "a,b", "a`b", "a\nb", "服".repeat(43)]) {
      await assert.rejects(gateway.prepay({ ...ORDER, description }), /a description/);
    }
    for (const amountFen of [0n, -1n, 2n ** 53n]) {
      await assert.rejects(gateway.prepay({ ...ORDER, amountFen }), /an amount/);
    }
    await assert.rejects(gateway.prepay({ ...ORDER, channel: "JSAPI" }), /names its payer/);
    await assert.rejects(gateway.prepay({ ...ORDER, channel: "H5" }), /payer's address/);
    await assert.rejects(gateway.refund({ ...BACK, amountFen: 9_901n }), /no more than the payment/);
    assert.equal(fake.asked.length, 0);
  });

  it("an answer of 2xx without a valid signature counts as none", async () => {
    const { headers } = told(NATIVE);
    const body = JSON.stringify(NATIVE);
    const stranger = newKey(PLATFORM.id);
    for (const forged of [
      { body },
      { body, headers: { ...headers, "Wechatpay-Signature": "AAAA" } },
      { body, headers: { ...headers, "Wechatpay-Serial": "PUB_KEY_ID_2" } },
      { body: `${body} `, headers: headers! },
      told(NATIVE, 200, { key: stranger }),
      told(NATIVE, 200, { timestamp: String(Math.trunc(Date.now() / 1000) - 301) }),
      told(NATIVE, 200, { timestamp: String(Math.trunc(Date.now() / 1000) + 301) }),
      { body: "" },
      { status: 204 },
    ]) {
      answer = () => forged;
      await fails(gateway.prepay(ORDER), "untrusted");
    }
    answer = () => ({ status: 204 });
    await fails(gateway.closeTrade(ORDER.outTradeNo), "untrusted");
    answer = () => told(null, 204);
    assert.deepEqual(await gateway.closeTrade(ORDER.outTradeNo), { kind: "closed" });
  });

  it("two values of a signature header are none", async () => {
    const good = told(NATIVE);
    for (const name of Object.keys(good.headers!).filter((each) => each.startsWith("Wechatpay"))) {
      const value = good.headers![name] as string;
      answer = () => ({ ...good, headers: { ...good.headers, [name]: [value, value] } });
      await fails(gateway.prepay(ORDER), "untrusted");
    }
  });

  it("a signed answer that can't be read, or is about something else, counts as none", async () => {
    for (const text of ["<html>", '{"code_url"', "", "null", "{}", '{"code_url":1}', '{"code_url":""}']) {
      answer = () => told(Buffer.from(text));
      await fails(gateway.prepay(ORDER), "untrusted");
    }
    const owners = [{ mchid: "1900000110" }, { appid: "wx1" }];
    for (const other of [...owners, { out_trade_no: "ord_0002" }, { trade_state: "?" }]) {
      answer = () => told({ ...PAID, ...other });
      await fails(gateway.queryTrade(ORDER.outTradeNo), "untrusted");
    }
    const payment = { transaction_id: "4200000000000000000000000002" };
    for (const other of [payment, { out_refund_no: "ref_0002" }, { status: 1 }]) {
      answer = () => told({ ...REFUND, ...other });
      await fails(gateway.refund(BACK), "untrusted");
    }
  });

  it("pages of proxies and redirections are no answers, and nobody follows them", async () => {
    answer = () => ({ status: 200, headers: { "Content-Type": "text/html" }, body: "<html>login</html>" });
    await fails(gateway.prepay(ORDER), "untrusted");
    answer = () => ({ status: 403, body: "<html>blocked</html>" });
    await fails(gateway.prepay(ORDER), "untrusted");
    const elsewhere = await startFakeWechat(() => told(NATIVE));
    for (const status of [301, 302, 303, 307, 308]) {
      answer = () => ({ status, headers: { Location: `${elsewhere.url}/v3/pay/transactions/native` } });
      await fails(gateway.prepay(ORDER), "untrusted");
    }
    assert.equal(elsewhere.asked.length, 0);
    await elsewhere.close();
  });

  it("an answer of a size that none has is not read to its end", async () => {
    answer = () => told(Buffer.alloc(3 << 20, " "));
    await fails(gateway.prepay(ORDER), "untrusted");
  });

  it("what breaks or is too much for them is asked again with the same bytes, a few times", async () => {
    const breaking: Told[] = [
      "reset",
      { status: 500, body: '{"code":"SYSTEM_ERROR","message":""}' },
      { status: 502, body: "<html>" },
      { status: 429, body: "" },
    ];
    for (const first of breaking) {
      fake.asked.length = 0;
      let calls = 0;
      answer = () => ((calls += 1) === 1 ? first : told(NATIVE));
      assert.equal((await gateway.prepay(ORDER)).kind, "ready");
      const [one, two] = fake.asked;
      assert.equal(fake.asked.length, 2);
      assert.deepEqual(one?.body, two?.body);
      // Each attempt has a time and a nonce of its own, so that it isn't taken for a replay.
      assert.notEqual(one?.headers.authorization, two?.headers.authorization);
    }
    for (const [always, kind] of [
      ["reset", "unreachable"],
      [{ status: 500, body: "" }, "provider-error"],
      [{ status: 429, body: "" }, "rate-limited"],
    ] as const) {
      fake.asked.length = 0;
      answer = () => always;
      await fails(gateway.queryTrade(ORDER.outTradeNo), kind);
      assert.equal(fake.asked.length, 3);
    }
  });

  it("a refused signature is asked about once: a wrong clock or key isn't mended by storms", async () => {
    sayNo(401, "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟");
    await assert.rejects(gateway.prepay(ORDER), (error) => {
      assert(error instanceof GatewayFault);
      assert.equal(error.kind, "unauthorized");
      assert.match(error.message, /5分钟/);
      return true;
    });
    assert.deepEqual(outcomes, ["prepay unauthorized"]);
  });

  it("silence ends by the deadline, and the caller's own giving up at once", async () => {
    answer = () => "hang";
    const hasty = open({ timeouts: { attemptMs: 100, totalMs: 10_000 } });
    await fails(hasty.prepay(ORDER), "timeout");
    assert.deepEqual(outcomes, ["prepay timeout", "prepay timeout", "prepay timeout"]);
    await hasty.close();
    const short = open({ timeouts: { attemptMs: 5_000, totalMs: 150 } });
    await fails(short.prepay(ORDER), "timeout");
    await short.close();
    const giveUp = new AbortController();
    const asking = gateway.prepay(ORDER, giveUp.signal);
    giveUp.abort(new Error("nobody waits any more"));
    await assert.rejects(asking, /nobody waits/);
    const closing = gateway.queryTrade(ORDER.outTradeNo);
    await gateway.close();
    await fails(closing, "unreachable");
  });

  it("the back-up host answers while the first can't be reached, and leads for a while", async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    const careful = open({ baseUrls: [dead, fake.url] });
    assert.equal((await careful.prepay(ORDER)).kind, "ready");
    assert.deepEqual(outcomes, ["prepay unreachable", "prepay ok"]);
    assert.equal((await careful.prepay(ORDER)).kind, "ready");
    assert.deepEqual(outcomes.slice(2), ["prepay ok"]);
    await careful.close();
    const alone = open({ baseUrls: [dead] });
    await fails(alone.prepay(ORDER), "unreachable");
    await alone.close();
  });

  it("codes are understood with and without underscores", async () => {
    const prepay = async () => gateway.prepay(ORDER);
    for (const code of ["ORDERPAID", "ORDER_PAID"]) {
      sayNo(400, code);
      assert.deepEqual(await prepay(), { kind: "already-paid" });
      assert.deepEqual(await gateway.closeTrade(ORDER.outTradeNo), { kind: "already-paid" });
    }
    sayNo(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致");
    assert.equal((await prepay()).kind, "conflict");
    sayNo(403, "OUT_TRADE_NO_USED", "商户订单号重复");
    assert.equal((await prepay()).kind, "conflict");
    sayNo(400, "APPID_MCHID_NOT_MATCH", "不匹配");
    assert.deepEqual(await prepay(), { kind: "refused", code: "APPID_MCHID_NOT_MATCH", message: "不匹配" });
    sayNo(500, "OPENID_MISMATCH");
    assert.equal((await prepay()).kind, "refused");
    for (const code of ["ORDERNOTEXIST", "ORDER_NOT_EXIST"]) {
      sayNo(404, code);
      assert.deepEqual(await gateway.queryTrade(ORDER.outTradeNo), { kind: "unknown" });
      assert.deepEqual(await gateway.closeTrade(ORDER.outTradeNo), { kind: "unknown" });
    }
    sayNo(403, "NOTENOUGH", "余额不足");
    assert.deepEqual(await gateway.refund(BACK), { kind: "not-enough", message: "余额不足" });
    sayNo(404, "RESOURCE_NOT_EXISTS", "订单不存在");
    assert.deepEqual(await gateway.refund(BACK), { kind: "unknown", message: "订单不存在" });
  });

  it("'closed' in an unsigned error is believed only when a signed answer says so", async () => {
    const after = (state: string) => {
      const trade = { ...PAID, trade_state: state };
      answer = ({ method }) =>
        method === "GET"
          ? told(trade)
          : { status: 400, body: JSON.stringify({ code: "ORDER_CLOSED", message: "该订单已失效" }) };
    };
    after("CLOSED");
    assert.deepEqual(await gateway.prepay(ORDER), { kind: "closed" });
    assert.deepEqual(await gateway.closeTrade(ORDER.outTradeNo), { kind: "closed" });
    after("SUCCESS");
    assert.deepEqual(await gateway.prepay(ORDER), { kind: "already-paid" });
    assert.deepEqual(await gateway.closeTrade(ORDER.outTradeNo), { kind: "already-paid" });
    after("NOTPAY");
    await fails(gateway.prepay(ORDER), "untrusted");
  });

  it("a refund that is asked for too often is put off, and not asked for again at once", async () => {
    sayNo(429, "FREQUENCY_LIMITED", "频率过高");
    assert.equal((await gateway.refund(BACK)).kind, "later");
    assert.equal(fake.asked.length, 1);
  });

  it("a refund bears its numbers, amounts and reason, and nothing that is empty", async () => {
    answer = () => told(REFUND);
    const refunded = await gateway.refund(BACK);
    assert.deepEqual(refunded, {
      kind: "refund",
      refund: {
        outRefundNo: "ref_0001",
        outTradeNo: "ord_0001",
        transactionId: PAID.transaction_id,
        providerRefundId: REFUND.refund_id,
        status: "PROCESSING",
        amountFen: 900n,
        totalFen: 9_900n,
        successTimeMs: null,
      },
    });
    await gateway.refund({ ...BACK, reason: "任务失败" });
    const [plain, reasoned] = fake.asked.map(
      ({ body }) => JSON.parse(body.toString()) as { readonly reason?: string },
    );
    assert.deepEqual(plain, {
      transaction_id: PAID.transaction_id,
      out_refund_no: "ref_0001",
      notify_url: "https://pay.example.com/wechat/notify",
      amount: { refund: 900, total: 9900, currency: "CNY" },
    });
    assert.equal(reasoned?.reason, "任务失败");
  });

  it("an abnormal refund's card and name are encrypted, the same in every attempt", async () => {
    let calls = 0;
    answer = () => ((calls += 1) === 1 ? "reset" : told(REFUND));
    const done = await gateway.applyAbnormalRefund({
      providerRefundId: REFUND.refund_id,
      outRefundNo: "ref_0001",
      type: "USER_BANK_CARD",
      bankType: "ICBC_DEBIT",
      bankAccount: "6222020200001234567",
      realName: "张三",
    });
    assert.equal(done.kind, "refund");
    const [first, second] = fake.asked;
    assert.deepEqual(first?.body, second?.body);
    assertSigned(second!);
    assert.equal(second!.target, `/v3/refund/domestic/refunds/${REFUND.refund_id}/apply-abnormal-refund`);
    assert.equal(second!.headers["wechatpay-serial"], PLATFORM.id);
    const body = JSON.parse(second!.body.toString()) as Record<string, string>;
    const decrypt = (text: string) =>
      privateDecrypt(
        { key: PLATFORM.privatePem, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
        Buffer.from(text, "base64"),
      ).toString();
    assert.equal(decrypt(body["bank_account"]!), "6222020200001234567");
    assert.equal(decrypt(body["real_name"]!), "张三");
    assert.equal(body["bank_type"], "ICBC_DEBIT");
  });

  it("what opens the cashier is signed with the merchant's key", async () => {
    answer = () => told({ prepay_id: "wx201410272009395522657a690389285100" });
    const publicKey = createPublicKey(MERCHANT.publicPem);
    const isSigned = (lines: string[], signature: string) =>
      verify("sha256", Buffer.from(`${lines.join("\n")}\n`), publicKey, Buffer.from(signature, "base64"));
    const { openid: payerOpenid } = PAID.payer;
    const jsapi = await gateway.prepay({ ...ORDER, channel: "JSAPI", payerOpenid });
    assert(jsapi.kind === "ready" && jsapi.payable.channel === "JSAPI");
    const page = jsapi.payable.parameters;
    assert.equal(page.package, "prepay_id=wx201410272009395522657a690389285100");
    assert(isSigned([APPID, page.timeStamp, page.nonceStr, page.package], page.paySign));
    const native = await gateway.prepay({ ...ORDER, channel: "APP" });
    assert(native.kind === "ready" && native.payable.channel === "APP");
    const app = native.payable.parameters;
    assert(isSigned([APPID, app.timestamp, app.noncestr, app.prepayid], app.sign));
    assert.equal(app.partnerid, MCHID);
  });

  it("wrong options are all named at once, and none is quoted", () => {
    const wrong = wechatOptions({
      appid: "",
      mchid: "x",
      merchantSerial: "secret-serial",
      merchantPrivateKey: "secret-key",
      apiV3Key: "secret-short",
      publicKey: { id: "5DEA", pem: "secret-pem" },
      notifyUrl: "https://pay.example.com/notify?x=1",
      baseUrls: ["ftp://secret-host"],
    });
    assert.throws(
      () => readOptions(wrong),
      (error: Error) => {
        const ours = ["appid", "mchid", "merchantSerial", "merchantPrivateKey", "apiV3Key"];
        for (const name of [...ours, "publicKey.id", "publicKey.pem", "notifyUrl", "baseUrls"]) {
          assert(error.message.includes(name), name);
        }
        return !error.message.includes("secret");
      },
    );
    assert.throws(() => readOptions(wechatOptions({ publicKey: undefined })), /publicKey or certificates/);
  });
});

/** Checks a request's signature, written apart from the code that makes it. @returns its nonce */
function assertSigned({ method, target, headers, body }: Asked): string {
  const text = headers.authorization ?? "";
  const scheme = "WECHATPAY2-SHA256-RSA2048 ";
  assert(text.startsWith(scheme));
  const items = new Map(
    text
      .slice(scheme.length)
      .split(",")
      .map((item) => /^(\w+)="(.*)"$/.exec(item)!.slice(1, 3) as [string, string]),
  );
  assert.deepEqual([...items.keys()].sort(), ["mchid", "nonce_str", "serial_no", "signature", "timestamp"]);
  assert.equal(items.get("mchid"), MCHID);
  assert.equal(items.get("serial_no"), MERCHANT.id);
  const lines = [method, target, items.get("timestamp"), items.get("nonce_str"), body.toString()];
  const message = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  const signature = Buffer.from(items.get("signature")!, "base64");
  assert(verify("sha256", message, createPublicKey(MERCHANT.publicPem), signature), "a wrong signature");
  assert(Math.abs(Date.now() / 1000 - Number(items.get("timestamp"))) < 300);
  return items.get("nonce_str")!;
}
