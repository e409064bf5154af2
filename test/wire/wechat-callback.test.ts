/** Callbacks over HTTP, from whoever sends them. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import type { Notice, NoticeOutcome } from "../../src/billing/order/inbox.ts";
import {
  startCallbackEndpoint,
  type CallbackEndpoint,
  type CallbackEndpointOptions,
  type CallbackOutcome,
} from "../../src/wechat/callback-endpoint.ts";
import { createGateway, type WechatGateway } from "../../src/wechat/gateway.ts";
import { keepingLog } from "../support/service.ts";
import {
  APIV3_KEY,
  envelope,
  MERCHANT,
  newKey,
  PAID,
  PLATFORM,
  REFUNDED,
  sealed,
  signatureHeaders,
  wechatOptions,
} from "../support/wechat.ts";

const PATH = "/wechat/notify";
/** Well over what it takes to read the clock twice, and well under the difference that matters. */
const NOW_MS = 1_790_000_000_000;
const NOW = NOW_MS / 1000;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;
interface Sent {
  readonly status: number;
  readonly body: string;
}

describe("the callback endpoint", () => {
  const { log, lines } = keepingLog();
  const notices: Notice[] = [];
  const answered: [CallbackOutcome, string | undefined, number][] = [];
  let outcome: NoticeOutcome | Error | "hang" = "settled";
  let gateway: WechatGateway;
  let endpoint: CallbackEndpoint;

  const start = (more: Partial<CallbackEndpointOptions> = {}) =>
    startCallbackEndpoint({
      host: "127.0.0.1",
      port: 0,
      path: PATH,
      open: gateway.openNotice,
      inbox: {
        async receive(notice, signal) {
          if (outcome === "hang") {
            await new Promise<never>((_, reject) =>
              signal?.addEventListener("abort", () => reject(signal.reason as Error)),
            );
          }
          if (outcome instanceof Error) throw outcome;
          notices.push(notice);
          return outcome as NoticeOutcome;
        },
      },
      observer: { answered: (...args) => void answered.push([args[0], args[1], args[2]]) },
      log,
      ...more,
    });
  before(async () => {
    gateway = createGateway(wechatOptions(), { log, now: () => NOW_MS });
    endpoint = await start();
  });
  beforeEach(() => {
    notices.length = 0;
    answered.length = 0;
    lines.length = 0;
    outcome = "settled";
  });
  after(async () => {
    await endpoint.close();
    await gateway.close();
  });

  const send = (
    body: string | Buffer,
    headers: Headers = {},
    { method = "POST", path = PATH, port = endpoint.port } = {},
  ): Promise<Sent> =>
    new Promise((resolve, reject) => {
      const sending = httpRequest(
        { host: "127.0.0.1", port, method, path, agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
          );
        },
      );
      sending.on("error", reject);
      for (const [name, value] of Object.entries({ "Content-Type": "application/json", ...headers })) {
        if (value !== undefined) sending.setHeader(name, value);
      }
      sending.end(body);
    });
  const sign = (body: string | Buffer, more: Parameters<typeof signatureHeaders>[1] = {}) =>
    signatureHeaders(body, { timestamp: String(NOW), ...more });
  const sendSigned = (body: string) => send(body, sign(body));

  /** Refused, with the documented body, and nothing was made of it. */
  const isRejected = (sent: Sent, why?: string) => {
    assert(sent.status >= 400 && sent.status < 500, `status ${sent.status}`);
    assert.equal((JSON.parse(sent.body) as { code: string }).code, "FAIL");
    assert.deepEqual(notices, []);
    if (why !== undefined) assert.equal(answered.at(-1)?.[1], why);
  };

  it("a payment is told to the inbox, and answered with 204 and no body", async () => {
    assert.deepEqual(await sendSigned(envelope()), { status: 204, body: "" });
    assert.deepEqual(notices, [
      {
        kind: "payment",
        noticeId: "EV-2018022511223320873",
        trade: {
          outTradeNo: "ord_0001",
          state: "SUCCESS",
          transactionId: PAID.transaction_id,
          totalFen: 9_900n,
          payerTotalFen: 9_900n,
          currency: "CNY",
          successTimeMs: Date.parse("2026-11-23T04:00:00Z"),
          payerOpenid: PAID.payer.openid,
          tradeType: "NATIVE",
        },
      },
    ]);
    assert.deepEqual(answered, [["settled", undefined, 204]]);
  });

  it("a refund is told to the inbox, by event and type and never by the address", async () => {
    for (const status of ["SUCCESS", "ABNORMAL", "CLOSED"]) {
      const content = { ...REFUNDED, refund_status: status };
      const body = envelope({ eventType: `REFUND.${status}`, originalType: "refund", content });
      assert.equal((await sendSigned(body)).status, 204);
      const last = notices.at(-1);
      assert(last?.kind === "refund");
      assert.equal(last.refund.status, status);
      assert.equal(last.refund.amountFen, 900n);
      assert.equal(last.refund.totalFen, 9_900n);
      assert.equal(last.refund.providerRefundId, REFUNDED.refund_id);
    }
  });

  it("what contradicts itself or is unknown is kept as strange, neither payment nor refund", async () => {
    const closed = { ...REFUNDED, refund_status: "CLOSED" };
    for (const one of [
      { eventType: "TRANSACTION.SUCCESS", originalType: "refund", content: REFUNDED },
      { eventType: "REFUND.SUCCESS", originalType: "transaction", content: PAID },
      { eventType: "REFUND.SUCCESS", originalType: "refund", content: closed },
      { eventType: "PAYSCORE.USER_PAID", originalType: "payscore", content: { anything: 1 } },
    ]) {
      assert.equal((await sendSigned(envelope(one))).status, 204);
      assert.deepEqual(notices.at(-1), {
        kind: "strange",
        noticeId: "EV-2018022511223320873",
        eventType: one.eventType,
      });
    }
  });

  it("an orphan and a failure to store ask for it again; a quarantined one is received", async () => {
    outcome = "orphaned";
    assert.equal((await sendSigned(envelope())).status, 503);
    outcome = new Error("the database is away, password=hunter2");
    const failed = await sendSigned(envelope());
    assert.equal(failed.status, 503);
    assert(!failed.body.includes("hunter2"));
    outcome = "quarantined";
    assert.equal((await sendSigned(envelope())).status, 204);
    assert.deepEqual(
      answered.map(([what]) => what),
      ["orphaned", "failed", "quarantined"],
    );
  });

  it("an inbox that doesn't answer in time is given up, and the notice asked for again", async () => {
    outcome = "hang";
    const hasty = await start({ answerWithinMs: 50 });
    const body = envelope();
    assert.equal((await send(body, sign(body), { port: hasty.port })).status, 503);
    assert.deepEqual(answered, [["failed", undefined, 503]]);
    await hasty.close();
  });

  it("an exact replay within five minutes comes through: the inbox makes it harmless", async () => {
    const body = envelope();
    const headers = sign(body, { timestamp: String(NOW - 299) });
    assert.equal((await send(body, headers)).status, 204);
    assert.equal((await send(body, headers)).status, 204);
    assert.equal(notices.length, 2);
  });

  it("50 at the same time are all answered", async () => {
    const body = envelope();
    const sent = await Promise.all(Array.from({ length: 50 }, () => send(body, sign(body))));
    assert.deepEqual(new Set(sent.map(({ status }) => status)), new Set([204]));
    assert.equal(notices.length, 50);
  });

  it("a signature that is not one is refused: probes, rubbish, empty, too long, another text's", async () => {
    const body = envelope();
    const good = sign(body);
    const { "Wechatpay-Signature": signature } = good;
    for (const wrong of [
      `WECHATPAY/SIGNTEST/${signature}`,
      `WECHATPAY/SIGNTEST/${signature!.slice(19)}`,
      "not base64!",
      "AAAA",
      signature!.slice(0, -2),
      `${signature}====`,
      "A".repeat(10_000),
      sign(`${body} `)["Wechatpay-Signature"]!,
    ]) {
      isRejected(await send(body, { ...good, "Wechatpay-Signature": wrong }));
    }
    isRejected(await send(body, { ...good, "Wechatpay-Signature": "" }), "headers");
    assert.equal((await send(body, good)).status, 204);
  });

  it("each of the four headers must be there exactly once", async () => {
    const body = envelope();
    const good = sign(body);
    for (const name of Object.keys(good)) {
      isRejected(await send(body, { ...good, [name]: undefined }), "headers");
      isRejected(await send(body, { ...good, [name]: [good[name]!, good[name]!] }), "headers");
      isRejected(await send(body, { ...good, [name]: [good[name]!, "other"] }), "headers");
    }
  });

  it("unknown keys are refused, whatever they are called", async () => {
    const body = envelope();
    for (const id of ["PUB_KEY_ID_9", "__proto__", "constructor", "toString", "5DEA10EF55877E3CF6C3"]) {
      isRejected(await send(body, sign(body, { key: { ...PLATFORM, id } })), "unknown-serial");
    }
    isRejected(await send(body, sign(body, { key: MERCHANT })), "unknown-serial");
    isRejected(await send(body, sign(body, { key: { ...MERCHANT, id: PLATFORM.id } })), "signature");
  });

  it("five minutes are the limit, on both sides, and other ways to write a time are none", async () => {
    const body = envelope();
    const at = (timestamp: string) => send(body, sign(body, { timestamp }));
    for (const offset of [-299, 0, 299]) assert.equal((await at(String(NOW + offset))).status, 204);
    notices.length = 0;
    for (const offset of [-300, -301, 300, 301]) isRejected(await at(String(NOW + offset)), "stale");
    for (const text of [`${NOW_MS}`, `-${NOW}`, "1e9", `0${NOW}`, `${NOW}.0`, "now", "0x6ab13b80"]) {
      isRejected(await at(text), "headers");
    }
  });

  it("a body that was written anew is refused, even when it means the same", async () => {
    const body = envelope();
    const headers = sign(body);
    const value = JSON.parse(body) as Record<string, unknown>;
    const reversed = JSON.stringify(Object.fromEntries(Object.entries(value).reverse()));
    const escaped = body.replace("支付成功", "\\u652f\\u4ed8\\u6210\\u529f");
    const again = [JSON.stringify(value, null, 1), reversed, escaped, `${body}\n`, ` ${body}`, ""];
    for (const one of again) isRejected(await send(one, headers));
  });

  it("a resource that was touched is refused by its tag, though the signature is right", async () => {
    const { ciphertext } = sealed(JSON.stringify(PAID));
    const bytes = Buffer.from(ciphertext, "base64");
    const flipped = (at: number) => {
      const copy = Buffer.from(bytes);
      copy[at < 0 ? copy.length + at : at]! ^= 1;
      return copy.toString("base64");
    };
    const wrong: Record<string, unknown>[] = [
      { ciphertext: flipped(0) },
      { ciphertext: flipped(40) },
      { ciphertext: flipped(-1) },
      { ciphertext: bytes.subarray(0, -4).toString("base64") },
      { ciphertext: bytes.subarray(0, -12).toString("base64") },
      { ciphertext: bytes.subarray(0, 10).toString("base64") },
      { ciphertext: "" },
      { ciphertext: "!!!!" },
      { associated_data: "refund" },
      { associated_data: "" },
      { associated_data: undefined },
      { nonce: "uluk4a9R25RX" },
      { nonce: "" },
    ];
    for (const resource of wrong) {
      isRejected(await sendSigned(envelope({ resource })), "decryption");
    }
    isRejected(await sendSigned(envelope({ seal: { key: "x".repeat(32) } })), "decryption");
    assert(lines.some(({ level, facts }) => level === "error" && facts["why"] === "decryption"));
  });

  it("associated data may be empty or left out when it was encrypted so", async () => {
    const seal = { associatedData: "" };
    for (const resource of [{}, { associated_data: undefined }, { associated_data: null }]) {
      assert.equal((await sendSigned(envelope({ seal, resource }))).status, 204);
    }
    assert.equal(notices.length, 3);
  });

  it("other algorithms are refused by their names", async () => {
    for (const algorithm of ["AEAD_SM4_GCM", "none", "aead_aes_256_gcm", ""]) {
      isRejected(await sendSigned(envelope({ resource: { algorithm } })), "algorithm");
    }
  });

  it("content that is no JSON or breaks the schema is refused; unknown fields pass", async () => {
    const wrong: unknown[] = [
      "not JSON",
      "null",
      "[]",
      "{}",
      { ...PAID, trade_state: "PAID" },
      { ...PAID, out_trade_no: undefined },
      { ...PAID, transaction_id: undefined },
      { ...PAID, success_time: undefined },
      { ...PAID, success_time: "yesterday" },
      { ...PAID, success_time: "2026-11-23T12:00:00" },
      { ...PAID, amount: undefined },
      ...[99.5, "9900", -1, 2 ** 53 + 2, null].map((total) => ({ ...PAID, amount: { total } })),
    ];
    for (const content of wrong) isRejected(await sendSigned(envelope({ content })), "schema");
    const more = { ...PAID, new_field: { a: 1 }, amount: { ...PAID.amount, new_amount: 1.5 } };
    assert.equal((await sendSigned(envelope({ content: more }))).status, 204);
  });

  it("amounts, currencies and states go to the inbox as they are, for it to judge", async () => {
    for (const [change, expected] of [
      [{ amount: { total: 0, currency: "CNY" } }, { totalFen: 0n }],
      [{ amount: { total: 1, currency: "USD" } }, { totalFen: 1n, currency: "USD" }],
      [{ trade_state: "NOTPAY", success_time: "" }, { state: "NOTPAY", successTimeMs: null }],
      [{ trade_state: "REFUND" }, { state: "REFUND" }],
      [{ amount: { total: 9900, payer_total: 9000, currency: "CNY" } }, { payerTotalFen: 9_000n }],
    ] as const) {
      assert.equal((await sendSigned(envelope({ content: { ...PAID, ...change } }))).status, 204);
      const last = notices.at(-1);
      assert(last?.kind === "payment");
      assert.deepEqual({ ...last.trade, ...expected }, last.trade);
    }
  });

  it("another merchant's payment is refused with an alarm, though signed and encrypted for us", async () => {
    for (const other of [{ mchid: "1900000110" }, { appid: "wx1111111111111111" }, { mchid: 1900000109 }]) {
      isRejected(await sendSigned(envelope({ content: { ...PAID, ...other } })), "other-merchant");
    }
    const content = { ...REFUNDED, mchid: "1900000110" };
    const body = envelope({ eventType: "REFUND.SUCCESS", originalType: "refund", content });
    isRejected(await sendSigned(body), "other-merchant");
    assert.equal(lines.filter(({ level }) => level === "error").length, 4);
  });

  it("a body that is signed and no envelope is refused", async () => {
    for (const body of ["", "{", "null", "[]", "{}", '{"id":1}', "[".repeat(60_000)]) {
      isRejected(await sendSigned(body));
    }
  });

  it("other methods, paths, types, codings and sizes get a 4xx, and the endpoint goes on", async () => {
    const body = envelope();
    const headers = sign(body);
    for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
      assert.equal((await send("", headers, { method })).status, 405);
    }
    assert.equal((await send(body, headers, { path: "/" })).status, 404);
    assert.equal((await send(body, { ...headers, "Content-Type": "text/plain" })).status, 415);
    assert.equal((await send(body, { ...headers, "Content-Type": "application/xml" })).status, 415);
    assert.equal((await send(gzipSync(body), { ...headers, "Content-Encoding": "gzip" })).status, 415);
    assert.equal((await send("x".repeat(1 << 20), headers).catch(cut)).status, 413);
    const chunked = { ...headers, "Transfer-Encoding": "chunked" };
    assert.equal((await send("x".repeat(1 << 20), chunked).catch(cut)).status, 413);
    assert.deepEqual(notices, []);
    const withCharset = { ...headers, "Content-Type": "application/json; charset=utf-8" };
    assert.equal((await send(body, withCharset)).status, 204);
    assert.equal((await send(body, { ...headers, "Transfer-Encoding": "chunked" })).status, 204);
  });

  it("an expired APIv3 key that is still being replaced opens what was encrypted under it", async () => {
    const options = wechatOptions({ apiV3Key: "n".repeat(32), previousApiV3Key: APIV3_KEY });
    const changing = createGateway(options, { log, now: () => NOW_MS });
    const body = envelope();
    const headers = Object.entries(sign(body)).map(([name, value]) => [name.toLowerCase(), [value]]);
    const opened = await changing.openNotice(Object.fromEntries(headers), Buffer.from(body));
    assert.equal(opened.kind, "payment");
    await changing.close();
  });

  it("logs name neither payer nor signature nor content", async () => {
    const body = envelope();
    const headers = sign(body);
    await send(body, headers);
    await send(body, { ...headers, "Wechatpay-Signature": "AAAA" });
    await sendSigned(envelope({ content: { ...PAID, mchid: "1900000110" } }));
    const text = JSON.stringify(lines);
    for (const secret of [PAID.payer.openid, headers["Wechatpay-Signature"]!, APIV3_KEY, "ciphertext"]) {
      assert(!text.includes(secret));
    }
    assert(lines.length >= 3);
  });

  it("any single wrong bit of body, header or ciphertext is refused", async () => {
    const body = envelope();
    const good = sign(body);
    const names = Object.keys(good);
    const flip = (bytes: Buffer, bit: number) => {
      const copy = Buffer.from(bytes);
      copy[(bit >> 3) % copy.length]! ^= 1 << (bit & 7);
      return copy;
    };
    const open = async (raw: Buffer, headers: Record<string, string>) => {
      const distinct = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value]]);
      return (await gateway.openNotice(Object.fromEntries(distinct), raw)).kind;
    };
    assert.equal(await open(Buffer.from(body), good), "payment");
    await fc.assert(
      fc.asyncProperty(fc.nat(Buffer.byteLength(body) * 8 - 1), async (bit) => {
        assert.equal(await open(flip(Buffer.from(body), bit), good), "rejected");
      }),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.nat(4_000), async (name, bit) => {
        const value = flip(Buffer.from(good[name]!), bit).toString("latin1");
        assert.equal(await open(Buffer.from(body), { ...good, [name]: value }), "rejected");
      }),
      { numRuns: 400 },
    );
    const { ciphertext } = sealed(JSON.stringify(PAID));
    const bytes = Buffer.from(ciphertext, "base64");
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async (bit) => {
        const resource = { ciphertext: flip(bytes, bit).toString("base64") };
        const touched = envelope({ resource });
        assert.equal(await open(Buffer.from(touched), sign(touched)), "rejected");
      }),
      { numRuns: 200 },
    );
  });

  it("whatever bytes come, signed or not, it answers with a 4xx and stands", async () => {
    const key = newKey("PUB_KEY_ID_1");
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (raw, isSigned) => {
        const body = Buffer.from(raw);
        const headers = sign(body, isSigned ? {} : { key, nonce: randomBytes(8).toString("hex") });
        isRejected(await send(body, headers));
      }),
      { numRuns: 60 },
    );
  });
});

/** The endpoint cuts the connection of who goes on sending after the refusal. */
function cut(error: unknown): Sent {
  assert.match((error as { readonly code: string }).code, /EPIPE|ECONNRESET/);
  return { status: 413, body: "" };
}
