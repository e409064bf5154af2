import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startSimulator, type Simulator } from "../../src/simulator/index.ts";
import {
  authorize,
  call,
  close,
  createOrder,
  exchange,
  isGenuine,
  NATIVE,
  orderBody,
  queryTarget,
  unseal,
  type Reply,
} from "../support/wechat-merchant.ts";

const START_MS = Date.parse("2026-11-23T12:00:00+08:00");
const DAY_MS = 86_400_000;

describe("the simulator's protocol", () => {
  let simulator: Simulator;

  before(async () => {
    simulator = await startSimulator({ seed: 1, startTimeMs: START_MS, merchants: [{}, {}] });
  });
  after(() => simulator.close());
  beforeEach(() => {
    simulator.reset();
    simulator.clock.freeze();
    simulator.clock.set(START_MS);
    simulator.keys.mode("mixed");
  });

  const genuine = (reply: Reply): boolean =>
    isGenuine(simulator.merchant, reply.headers, reply.raw, simulator.clock.now());

  describe("who may call", () => {
    const target = "/v3/certificates";

    const withAuthorization = async (authorization: string | null): Promise<Reply> => {
      const headers = { Accept: "application/json", Authorization: authorization };
      return exchange(simulator.url + target, "GET", headers, "");
    };

    it("takes the five items of Authorization in any order", async () => {
      const header = authorize(simulator, simulator.merchant, "GET", target, "");
      const [scheme, items = ""] = header.split(" ");
      const reversed = `${scheme} ${items.split(",").reverse().join(",")}`;
      assert.equal((await withAuthorization(reversed)).status, 200);
      assert.equal((await withAuthorization(`${scheme} ${items.split(",").join(", ")}`)).status, 200);
    });

    it("refuses every other form of the header with 401 SIGN_ERROR", async () => {
      const header = authorize(simulator, simulator.merchant, "GET", target, "");
      const wrong = [
        null,
        "",
        "Bearer x",
        header.replace("RSA2048", "SM2-WITH-SM3"),
        header.replaceAll('"', ""),
        header.replace(/,signature=.*/, ""),
        header.replace(/nonce_str="[^"]*",/, ""),
        `${header},mchid="${simulator.merchant.mchid}"`,
        `${header},extra="1"`,
        header.replace(/timestamp="\d+"/, 'timestamp="soon"'),
      ];
      for (const each of wrong) {
        const { status, json } = await withAuthorization(each);
        assert.deepEqual([status, json.code], [401, "SIGN_ERROR"], String(each));
      }
    });

    it("tells of a wrong signature what it verified, and how many bytes that were", async () => {
      const body = orderBody(simulator, { description: "连衣裙🙂" });
      const sent = JSON.stringify(body);
      const { status, json } = await call(simulator, "POST", NATIVE, body, { signedBody: `${sent} ` });
      assert.equal(status, 401);
      const { code, detail } = json;
      assert.equal(code, "SIGN_ERROR");
      assert.deepEqual(
        [detail.field, detail.issue, detail.location],
        ["signature", "sign not match", "authorization"],
      );
      const told = detail.sign_information;
      assert.deepEqual([told.method, told.url], ["POST", NATIVE]);
      const [method, url, timestamp, nonce] = told.truncated_sign_message.split("\n");
      assert.deepEqual([method, url], ["POST", NATIVE]);
      const whole = `${method}\n${url}\n${timestamp}\n${nonce}\n${sent}\n`;
      assert.equal(told.sign_message_length, Buffer.byteLength(whole));
      assert.ok(told.truncated_sign_message.length < whole.length);
    });

    it("verifies the raw path and query and the raw body, byte by byte", async () => {
      const { outTradeNo, body } = await createOrder(simulator);
      const encoded = queryTarget(simulator, outTradeNo.replace("O", "%4F"));
      assert.equal((await call(simulator, "GET", encoded)).status, 200);
      const decoded = { signedTarget: queryTarget(simulator, outTradeNo) };
      assert.equal((await call(simulator, "GET", encoded, undefined, decoded)).status, 401);
      const spaced = JSON.stringify(body, null, 2);
      assert.equal((await call(simulator, "POST", NATIVE, null, { rawBody: spaced })).status, 200);
      const compact = { rawBody: spaced, signedBody: JSON.stringify(body) };
      assert.equal((await call(simulator, "POST", NATIVE, null, compact)).status, 401);
    });

    it("lets a timestamp differ by five minutes from its clock, either way, and no second more", async () => {
      for (const [offsetSeconds, status] of [
        [-300, 200],
        [300, 200],
        [-301, 401],
        [301, 401],
      ] as const) {
        const reply = await call(simulator, "GET", target, undefined, { offsetSeconds });
        assert.equal(reply.status, status, String(offsetSeconds));
        if (status === 401) assert.match(reply.json.message, /不得超过5分钟/);
      }
    });

    it("refuses unknown merchants, unknown serials and another merchant's key", async () => {
      const [first, second] = simulator.merchants;
      assert.ok(first && second);
      const refuse = async (facts: typeof first): Promise<unknown[]> => {
        const { status, json } = await call(simulator, "GET", target, undefined, { facts });
        return [status, json.code];
      };
      assert.deepEqual(await refuse({ ...first, mchid: "1000000000" }), [400, "MCH_NOT_EXISTS"]);
      assert.deepEqual(await refuse({ ...first, serial: second.serial }), [401, "SIGN_ERROR"]);
      assert.deepEqual(await refuse({ ...first, serial: first.serial.toLowerCase() }), [401, "SIGN_ERROR"]);
      assert.deepEqual(await refuse({ ...first, privateKeyPem: second.privateKeyPem }), [
        401,
        "SIGN_ERROR",
      ]);
    });

    it("refuses a body or a query that names another merchant than the header", async () => {
      const [first, second] = simulator.merchants;
      assert.ok(first && second);
      const body = orderBody(simulator, { mchid: second.mchid });
      const created = await call(simulator, "POST", NATIVE, body);
      assert.equal(created.status, 400);
      assert.match(created.json.message, /mchid不匹配/);
      const { outTradeNo } = await createOrder(simulator);
      const foreign = `/v3/pay/transactions/out-trade-no/${outTradeNo}?mchid=${second.mchid}`;
      assert.equal((await call(simulator, "GET", foreign)).status, 400);
    });

    it("takes a nonce twice, and only once where it is told to be that strict", async () => {
      const twice = async (nonce: string): Promise<number[]> => {
        const first = await call(simulator, "GET", target, undefined, { nonce });
        return [first.status, (await call(simulator, "GET", target, undefined, { nonce })).status];
      };
      assert.deepEqual(await twice("same-nonce-1"), [200, 200]);
      simulator.settings.refuseNonceReuse = true;
      assert.deepEqual(await twice("same-nonce-2"), [200, 401]);
    });

    it("demands Accept and, with a body, Content-Type of JSON", async () => {
      const body = orderBody(simulator);
      for (const headers of [
        { Accept: null },
        { Accept: "text/html" },
        { "Content-Type": null },
        { "Content-Type": "text/plain" },
      ]) {
        const { status } = await call(simulator, "POST", NATIVE, body, { headers });
        assert.equal(status, 400, JSON.stringify(headers));
      }
      const charset = {
        "Content-Type": "application/json; charset=utf-8",
        Accept: "text/html, application/json;q=0.9",
      };
      assert.equal((await call(simulator, "POST", NATIVE, body, { headers: charset })).status, 200);
    });

    it("cuts bodies over a megabyte off", async () => {
      const rawBody = " ".repeat(1024 * 1024 + 1);
      assert.equal((await call(simulator, "POST", NATIVE, null, { rawBody })).status, 413);
    });
  });

  describe("signed answers", () => {
    it("signs answers, also empty ones of status 204, with five headers and a Request-ID", async () => {
      const { outTradeNo } = await createOrder(simulator);
      const queried = await call(simulator, "GET", queryTarget(simulator, outTradeNo));
      const closed = await close(simulator, outTradeNo);
      assert.deepEqual([queried.status, closed.status, closed.raw.length], [200, 204, 0]);
      for (const reply of [queried, closed]) {
        assert.ok(genuine(reply));
        assert.equal(reply.headers["wechatpay-signature-type"], "WECHATPAY2-SHA256-RSA2048");
        assert.match(reply.headers["request-id"] ?? "", /^[0-9A-F]+-0$/);
      }
    });

    it("signs errors or leaves them unsigned, as it is told", async () => {
      const signed = await call(simulator, "GET", queryTarget(simulator, "NO_SUCH_ORDER"));
      assert.deepEqual([signed.status, genuine(signed)], [404, true]);
      assert.match(signed.headers["request-id"] ?? "", /-[1-9]\d+$/);
      simulator.settings.signErrors = false;
      const unsigned = await call(simulator, "GET", queryTarget(simulator, "NO_SUCH_ORDER"));
      assert.equal(unsigned.headers["wechatpay-signature"], undefined);
    });

    it("signs with the key that the request asks for in mixed mode, else with the certificate", async () => {
      const { publicKeyId, platformCertificates } = simulator.merchant;
      const certificate = platformCertificates[0]?.serial ?? "";
      const signer = async (keyId?: string): Promise<string | undefined> => {
        const options = keyId === undefined ? {} : { keyId };
        const reply = await call(simulator, "POST", NATIVE, orderBody(simulator), options);
        assert.ok(genuine(reply));
        return reply.headers["wechatpay-serial"];
      };
      assert.equal(await signer(publicKeyId), publicKeyId);
      assert.equal(await signer(certificate), certificate);
      assert.equal(await signer(), certificate);
      simulator.keys.mode("certificate");
      assert.equal(await signer(publicKeyId), certificate);
      simulator.keys.mode("public-key");
      assert.equal(await signer(), publicKeyId);
    });
  });

  describe("platform certificates", () => {
    it("are listed encrypted with the merchant's APIv3 key, and verify what they sign", async () => {
      const reply = await call(simulator, "GET", "/v3/certificates");
      assert.ok(genuine(reply));
      const [listed] = reply.json.data;
      const sealed = listed.encrypt_certificate;
      assert.deepEqual([sealed.algorithm, sealed.associated_data], ["AEAD_AES_256_GCM", "certificate"]);
      assert.equal(sealed.nonce.length, 12);
      const certificate = new X509Certificate(unseal(simulator.merchant.apiV3Key, sealed));
      assert.equal(certificate.serialNumber, listed.serial_no);
      assert.match(listed.serial_no, /^[0-9A-F]{40}$/);
      assert.equal(certificate.validToDate.getTime(), Date.parse(listed.expire_time));
      assert.equal(certificate.validFromDate.getTime(), Date.parse(listed.effective_time));
      assert.match(listed.expire_time, /\+08:00$/);
    });

    it("answer 404 RESOURCE_NOT_EXISTS in public key mode", async () => {
      simulator.keys.mode("public-key");
      const { status, json } = await call(simulator, "GET", "/v3/certificates");
      assert.deepEqual([status, json.code], [404, "RESOURCE_NOT_EXISTS"]);
    });

    it("sign interleaved after a rotation, until the older one retires", async () => {
      const other = await startSimulator({ seed: 2, startTimeMs: START_MS, keyMode: "certificate" });
      try {
        const before = other.merchant.platformCertificates[0]?.serial;
        const added = await other.keys.rotateCertificate();
        assert.equal((await call(other, "GET", "/v3/certificates")).json.data.length, 2);
        const signers = async (): Promise<Set<string | undefined>> => {
          const seen = new Set<string | undefined>();
          for (let at = 0; at < 24; at += 1) {
            const reply = await call(other, "GET", "/v3/certificates");
            assert.ok(isGenuine(other.merchant, reply.headers, reply.raw, other.clock.now()));
            seen.add(reply.headers["wechatpay-serial"]);
          }
          return seen;
        };
        assert.deepEqual(await signers(), new Set([before, added]));
        other.keys.newCertificateShare(1);
        assert.deepEqual(await signers(), new Set([added]));
        other.keys.newCertificateShare(0);
        assert.deepEqual(await signers(), new Set([before]));
        other.keys.retireOldCertificates();
        assert.deepEqual(await signers(), new Set([added]));
      } finally {
        await other.close();
      }
    });

    it("get a successor half a year before their end and drop out when they expire", async () => {
      const other = await startSimulator({ seed: 3, startTimeMs: START_MS, keyMode: "certificate" });
      try {
        const [first] = other.merchant.platformCertificates;
        const endMs = new X509Certificate(first?.pem ?? "").validToDate.getTime();
        const serials = (): string[] => other.merchant.platformCertificates.map(({ serial }) => serial);
        await other.clock.advance(endMs - 181 * DAY_MS - START_MS);
        assert.deepEqual(serials(), [first?.serial]);
        await other.clock.advance(2 * DAY_MS);
        assert.equal(serials().length, 2);
        await other.clock.advance(180 * DAY_MS);
        assert.equal(serials().length, 1);
        assert.ok(!serials().includes(first?.serial ?? ""));
      } finally {
        await other.close();
      }
    });

    it("of a time that a reset has taken back are never signed with", async () => {
      const other = await startSimulator({ keyMode: "certificate" });
      try {
        const first = other.keys.signing().map(({ id }) => id);
        other.clock.set(other.clock.now() + 6 * 365 * DAY_MS);
        // A successor is being made now; how long that takes is chance.
        await sleep(5);
        other.reset();
        await other.idle();
        other.keys.retireOldCertificates();
        const signers = other.keys.signing().map(({ id }) => id);
        assert.deepEqual(signers, first);
      } finally {
        await other.close();
      }
    });
  });

  it("repeats with the same seed every number, nonce and byte that isn't a key", async () => {
    const run = async (): Promise<unknown> => {
      const other = await startSimulator({ seed: 99, startTimeMs: START_MS });
      other.clock.freeze();
      other.clock.set(START_MS);
      try {
        const body = orderBody(other, { out_trade_no: "SEEDED01" });
        const made = await call(other, "POST", NATIVE, body, { nonce: "n" });
        const paid = other.user.pay(made.json.code_url);
        const { mchid, appid, apiV3Key } = other.merchant;
        return [
          mchid,
          appid,
          apiV3Key,
          made.json,
          made.headers["wechatpay-nonce"],
          made.headers["request-id"],
          paid,
        ];
      } finally {
        await other.close();
      }
    };
    assert.deepEqual(await run(), await run());
  });

  it("keeps every request and answer with their bytes, and forgets them when it is reset", async () => {
    const { body } = await createOrder(simulator);
    const [entry] = simulator.journal;
    assert.ok(entry?.kind === "request" && entry.answer);
    assert.deepEqual([entry.method, entry.target, entry.answer.status], ["POST", NATIVE, 200]);
    assert.deepEqual(JSON.parse(entry.body.toString()), body);
    assert.match(entry.headers["authorization"] ?? "", /^WECHATPAY2/);
    assert.ok(JSON.parse(entry.answer.body.toString()).code_url);
    simulator.reset();
    assert.equal(simulator.journal.length, 0);
    assert.equal(simulator.orders.all().length, 0);
  });

  it("tells a merchant whether a key fits, by an echo of what it encrypted", async () => {
    const { encryptField } = await import("../../src/simulator/sealing.ts");
    const { publicKeyId, publicKeyPem } = simulator.merchant;
    const body = { echo_message: "你好", encrypted_echo_message: encryptField("你好", publicKeyPem) };
    const reply = await call(simulator, "POST", "/v3/security/echo", body, { keyId: publicKeyId });
    assert.deepEqual([reply.status, reply.json.echo_message], [200, "你好"]);
    const keyId = simulator.merchant.platformCertificates[0]?.serial ?? "";
    assert.equal((await call(simulator, "POST", "/v3/security/echo", body, { keyId })).status, 400);
  });
});
