/** Which of WeChat Pay's keys are believed, while they change. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startSimulator, type NamedKey, type Simulator } from "../../src/simulator/index.ts";
import { createGateway, type WechatGateway } from "../../src/wechat/gateway.ts";
import type { NoticeHeaders } from "../../src/wechat/notice.ts";
import { keepingLog } from "../support/service.ts";
import {
  envelope,
  MERCHANT,
  PAID,
  signatureHeaders,
  startFakeWechat,
  told,
  wechatOptions,
} from "../support/wechat.ts";

const YEAR_MS = 365 * 86_400_000;

function distinct(headers: Readonly<Record<string, string>>): NoticeHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value]]),
  );
}

describe("WeChat Pay's keys", () => {
  let simulator: Simulator;
  const gateways: WechatGateway[] = [];
  before(async () => {
    simulator = await startSimulator({ keyMode: "mixed" });
  });
  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway.close();
    simulator.keys.mode("mixed");
    simulator.reset();
  });
  after(() => simulator.close());

  const gatewayWith = (keys: { publicKey: boolean; certificates: boolean }) => {
    const { merchant } = simulator;
    const gateway = createGateway(
      {
        appid: merchant.appid,
        mchid: merchant.mchid,
        merchantSerial: merchant.serial,
        merchantPrivateKey: merchant.privateKeyPem,
        apiV3Key: merchant.apiV3Key,
        publicKey: keys.publicKey ? { id: merchant.publicKeyId, pem: merchant.publicKeyPem } : undefined,
        certificates: keys.certificates,
        notifyUrl: "https://pay.example.com/wechat/notify",
        baseUrls: [simulator.url],
      },
      { log: keepingLog().log, now: () => simulator.clock.now() },
    );
    gateways.push(gateway);
    return gateway;
  };
  const open = async (gateway: WechatGateway, signer: NamedKey, id = signer.id) => {
    const { mchid, appid, apiV3Key } = simulator.merchant;
    const body = envelope({ content: { ...PAID, mchid, appid }, seal: { key: apiV3Key } });
    const privatePem = signer.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const timestamp = String(Math.trunc(simulator.clock.now() / 1000));
    const headers = signatureHeaders(body, { key: { id, privatePem }, timestamp });
    const opened = await gateway.openNotice(distinct(headers), Buffer.from(body));
    return opened.kind === "rejected" ? opened.why : opened.kind;
  };
  const signers = () => {
    const signing = simulator.keys.signing();
    const publicKey = signing.find(({ id }) => id.startsWith("PUB_KEY_ID_"))!;
    const certificates = signing.filter(({ id }) => !id.startsWith("PUB_KEY_ID_"));
    return { publicKey, certificate: certificates.at(-1)!, certificates };
  };

  it("a certificate's signature counts in mixed and certificate mode, not in public-key mode", async () => {
    const { publicKey, certificate } = signers();
    const mixed = gatewayWith({ publicKey: true, certificates: true });
    assert.equal(await open(mixed, certificate), "payment");
    assert.equal(await open(mixed, publicKey), "payment");
    const modern = gatewayWith({ publicKey: true, certificates: false });
    assert.equal(await open(modern, certificate), "unknown-serial");
    assert.equal(await open(modern, publicKey), "payment");
    const old = gatewayWith({ publicKey: false, certificates: true });
    assert.equal(await open(old, certificate), "payment");
    assert.equal(await open(old, publicKey), "unknown-serial");
  });

  it("one key's signature under the other key's name is none", async () => {
    const { publicKey, certificate } = signers();
    const mixed = gatewayWith({ publicKey: true, certificates: true });
    assert.equal(await open(mixed, certificate, publicKey.id), "signature");
    assert.equal(await open(mixed, publicKey, certificate.id), "signature");
  });

  it("a certificate that has run out signs nothing any more", async () => {
    const { certificate } = signers();
    const gateway = gatewayWith({ publicKey: true, certificates: true });
    assert.equal(await open(gateway, certificate), "payment");
    const [held] = gateway.certificates();
    assert(held !== undefined && held.expireTimeMs > simulator.clock.now() + 4 * YEAR_MS);
    simulator.clock.set(held.expireTimeMs);
    assert.equal(await open(gateway, certificate), "unknown-serial");
    assert.equal(gateway.certificates().some(({ serial }) => serial === held.serial), false);
  });

  it("while certificates change, and both sign by turns, no call and no callback fails", async () => {
    for (const keys of [
      { publicKey: false, certificates: true },
      { publicKey: true, certificates: true },
    ]) {
      const gateway = gatewayWith(keys);
      const work = async (round: number) => {
        const calls = Array.from({ length: 12 }, (_, at) => gateway.queryTrade(`ord_${round}_${at}`));
        for (const answer of await Promise.all(calls)) assert.equal(answer.kind, "unknown");
        const expireTimeMs = Math.trunc(simulator.clock.now() / 1000) * 1000 + 3_600_000;
        for (let at = 0; at < 8; at += 1) {
          const made = await gateway.prepay({
            channel: "NATIVE",
            outTradeNo: `ord_${String(keys.publicKey)}_${round}_${at}`,
            description: "plan",
            amountFen: 1n,
            expireTimeMs,
            payerOpenid: null,
            clientIp: null,
          });
          assert.equal(made.kind, "ready");
        }
        for (const signer of signers().certificates) assert.equal(await open(gateway, signer), "payment");
      };
      await work(1);
      await simulator.keys.rotateCertificate();
      simulator.keys.newCertificateShare(0.3);
      await work(2);
      simulator.keys.newCertificateShare(1);
      await work(3);
      simulator.keys.retireOldCertificates();
      await work(4);
    }
  });

  it("a gateway that slept through a whole change finds its way back by itself", async () => {
    const gateway = gatewayWith({ publicKey: false, certificates: true });
    const { certificate: old } = signers();
    assert.equal(await open(gateway, old), "payment");
    await simulator.keys.rotateCertificate();
    simulator.keys.retireOldCertificates();
    assert.equal(await open(gateway, signers().certificate), "payment");
    // The old one was withdrawn from the list.
    assert.equal(await open(gateway, old), "unknown-serial");
  });

  it("during the change to the public key callbacks come under both, in any mixture", async () => {
    const gateway = gatewayWith({ publicKey: true, certificates: true });
    const { publicKey, certificate } = signers();
    for (const share of [0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 1]) {
      simulator.keys.callbackPublicKeyShare(share);
      for (let at = 0; at < 5; at += 1) {
        assert.equal(await open(gateway, at / 5 < share ? publicKey : certificate), "payment");
      }
      assert.equal((await gateway.queryTrade("ord_nobody")).kind, "unknown");
    }
  });

  it("a merchant with the public key alone lives without a list of certificates", async () => {
    simulator.keys.mode("public-key");
    const gateway = gatewayWith({ publicKey: true, certificates: true });
    assert.equal(await open(gateway, simulator.keys.signing()[0]!), "payment");
    assert.deepEqual(gateway.certificates(), []);
  });
});

describe("names of keys that nobody knows", () => {
  it("a thousand of them cause one download, and the next not before its window is over", async () => {
    const fake = await startFakeWechat(() => told({ data: [] }));
    let nowMs = Date.now();
    const gateway = createGateway(wechatOptions({ certificates: true, baseUrls: [fake.url] }), {
      log: keepingLog().log,
      now: () => nowMs,
    });
    const knock = async (count: number) => {
      const body = envelope();
      const timestamp = String(Math.trunc(nowMs / 1000));
      const opened = Array.from({ length: count }, () => {
        const key = { id: randomBytes(20).toString("hex").toUpperCase(), privatePem: MERCHANT.privatePem };
        return gateway.openNotice(distinct(signatureHeaders(body, { key, timestamp })), Buffer.from(body));
      });
      for (const one of await Promise.all(opened)) {
        assert.deepEqual(one, { kind: "rejected", why: "unknown-serial" });
      }
    };
    const downloads = () => fake.asked.filter(({ target }) => target === "/v3/certificates").length;
    await knock(10);
    // The list is empty, so that each download is tried twice: the first may have met a probe.
    const first = downloads();
    assert(first <= 4);
    await knock(1_000);
    const second = downloads();
    assert(second - first <= 2);
    await knock(1_000);
    assert.equal(downloads(), second);
    nowMs += 61_000;
    await knock(1_000);
    assert(downloads() > second && downloads() - second <= 2);
    await gateway.close();
    await fake.close();
  });
});
