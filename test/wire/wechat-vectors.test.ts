/** What Tencent and others have published as right and wrong, against our code. */
import assert from "node:assert/strict";
import { constants, createPublicKey, privateDecrypt, verify, X509Certificate } from "node:crypto";
import { createNoticeOpener } from "../../src/wechat/notice.ts";
import { createGateway } from "../../src/wechat/gateway.ts";
import { readOptions } from "../../src/wechat/options.ts";
import { SealBroken, sealField, unseal } from "../../src/wechat/sealing.ts";
import { checkSignature, isSigned, type HeaderReader } from "../../src/wechat/signature.ts";
import { RequestBuilder } from "../../src/wechat/signed-request.ts";
import { keepingLog } from "../support/service.ts";
import { KNOWN, PLATFORM, startFakeWechat, told, wechatOptions } from "../support/wechat.ts";

const { keys, vectors } = KNOWN;
/** Of this key only the signature counts. */
const signedAs = (signature: string) => ({ timestamp: "", nonce: "", serial: "", signature });

function builderOf(keyName: string, mchid: string, serial: string, nowMs = Date.now()): RequestBuilder {
  const merchantPrivateKey = keys[keyName].private_key_pem as string;
  const options = wechatOptions({ mchid, merchantSerial: serial, merchantPrivateKey });
  return new RequestBuilder(readOptions(options), () => nowMs);
}

function reader(headers: Readonly<Record<string, string>>): HeaderReader {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  return (name) => (lower.has(name) ? [lower.get(name)!] : []);
}

describe("known answers of WeChat Pay", () => {
  it("a request is signed as the documentation's sample", () => {
    const { input, expected } = vectors["docs-request-sign-jsapi"];
    const builder = builderOf("docs_merchant", input.mchid, input.serial_no);
    const signature = builder.getSignature(
      input.method,
      input.nonce_str,
      input.timestamp,
      input.canonical_url,
      input.body_utf8,
    );
    assert.equal(signature, expected.signature_base64);
    const header = builder.getAuthorization(input.nonce_str, input.timestamp, signature);
    const parts = (text: string) => new Set(text.replace("WECHATPAY2-SHA256-RSA2048 ", "").split(","));
    assert.deepEqual(parts(header), parts(expected.authorization));
  });

  it("messages of requests are those of wechatpay-go, also for a body that ends with a line feed", () => {
    const { input, cases, derived } = vectors["authorization-format-go"];
    const builder = builderOf("go_test_keypair", input.mchid, input.serial_no);
    for (const [at, one] of cases.entries()) {
      const { method, canonical_url, body } = one;
      const time = String(input.timestamp);
      const made = builder.getSignature(method, input.nonce_str, time, canonical_url, body);
      assert.equal(made, derived.signatures_base64[at]);
      const publicKey = createPublicKey(keys.go_test_keypair.public_key_pem);
      const message = Buffer.from(one.expected_message);
      assert(verify("sha256", message, publicKey, Buffer.from(made, "base64")));
    }
  });

  it("what opens the cashier is signed as the documentation's samples", () => {
    const { input, expected } = vectors["docs-paysign-jsapi-app"];
    const builder = builderOf("docs_merchant", "1900007291", "408B07E79B8269FEC3D5");
    const { appId, timestamp, nonce, prepay_id: id } = input;
    assert.equal(
      builder.signLines(appId, timestamp, nonce, `prepay_id=${id}`),
      expected.jsapi_signature_base64,
    );
    assert.equal(builder.signLines(appId, timestamp, nonce, id), expected.app_signature_base64);
  });

  it("a text is signed as wechatpay-go signs it, and its wrong signatures are refused", () => {
    const { input, expected, negative } = vectors["sign-go-source"];
    const builder = builderOf("go_test_keypair", "1900007291", "408B07E79B8269FEC3D5");
    assert.equal(builder.sha256WithRsa(input.message_utf8), expected.signature_base64);
    const key = createPublicKey(keys.go_test_keypair.public_key_pem);
    assert(verify("sha256", Buffer.from("source"), key, Buffer.from(expected.signature_base64, "base64")));
    for (const { message_utf8: text, signature_base64: signature } of negative) {
      assert.equal(isSigned(signedAs(signature), Buffer.from(text), key), false);
    }
  });

  it("a true answer of WeChat Pay in public-key mode is believed, and a changed one isn't", async () => {
    const vector = vectors["docs-response-pubkey"];
    const { headers, body } = vector.input;
    const { key_id: id, public_key_pem: pem } = keys.docs_wechatpay_public_key;
    const findKey = (serial: string) => (serial === id ? createPublicKey(pem) : undefined);
    const now = () => vector.clock_must_be_unix * 1000;
    const check = (text: string) => checkSignature(reader(headers), Buffer.from(text), findKey, now);
    assert.equal(await check(body), undefined);
    assert.equal(await check(`${body}\n`), "signature");
    assert.equal(await check(body.replace("Jy", "Jz")), "signature");
  });

  it("a callback of wechatpay-go's is verified, and refused when late or changed", async () => {
    const vector = vectors["notification-end-to-end-go"];
    const { headers, raw_body_utf8: body } = vector.input;
    const key = createPublicKey(keys.go_test_keypair.public_key_pem);
    const findKey = (serial: string) =>
      serial === keys.go_test_keypair.certificate_serial_hex_upper ? key : undefined;
    const at = vector.clock_must_be_unix * 1000;
    const check = (text: string, nowMs: number) =>
      checkSignature(reader(headers), Buffer.from(text), findKey, () => nowMs);
    assert.equal(await check(body, at), undefined);
    assert.equal(await check(body, at + 299_999), undefined);
    assert.equal(await check(body, at + 300_000), "stale");
    assert.equal(await check(body, at - 300_000), "stale");
    const changed = body.replace("签约", "解约");
    assert.notEqual(changed, body);
    assert.equal(await check(changed, at), "signature");
    // Its resource is encrypted with a key of 16 bytes, which real APIv3 keys never are.
    const merchant = readOptions(wechatOptions());
    const open = createNoticeOpener({
      merchant,
      check: (read, raw) => checkSignature(read, raw, findKey, () => at),
    });
    const distinct = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [String(value)]]),
    );
    assert.deepEqual(await open(distinct, Buffer.from(body)), { kind: "rejected", why: "decryption" });
  });

  it("AES-256-GCM: wechatpay-java's message opens; another AAD, nonce or ciphertext does not", () => {
    const { input, expected } = vectors["aes256gcm-java-message"];
    const apiKeys = [Buffer.from(input.apiv3_key)];
    const { nonce, associated_data: associatedData } = input;
    const ciphertext = expected.ciphertext_with_tag_base64 as string;
    const sealed = { nonce, associatedData, ciphertext };
    assert.equal(unseal(apiKeys, sealed).toString(), input.plaintext_utf8);
    for (const wrong of [
      { associatedData: "bad-associatedData" },
      { associatedData: "" },
      { nonce: "bad-4a9R25RW" },
      { nonce: "" },
      { ciphertext: Buffer.alloc(128).toString("base64") },
      { ciphertext: Buffer.from(ciphertext, "base64").subarray(0, 15).toString("base64") },
      { ciphertext: ciphertext.slice(1) },
      { ciphertext: "" },
    ]) {
      assert.throws(() => unseal(apiKeys, { ...sealed, ...wrong }), SealBroken);
    }
  });

  it("AES-256-GCM: the axios plugin's messages open, with an empty AAD and an empty text too", () => {
    for (const one of vectors["aes256gcm-axios-plugin"].cases) {
      const { iv: nonce, aad: associatedData, ciphertext_with_tag_base64: ciphertext } = one;
      const plain = unseal([Buffer.from(one.key)], { nonce, associatedData, ciphertext });
      assert.equal(plain.toString(), one.plaintext_utf8);
    }
  });

  it("keys of 16 bytes, as in wechatpay-go's tests, are no APIv3 keys", () => {
    const { input } = vectors["aesgcm-go-helloworld"];
    const { nonce, associated_data: associatedData, ciphertext_with_tag_base64: ciphertext } = input;
    const sealed = { nonce, associatedData, ciphertext };
    assert.throws(() => unseal([Buffer.from(input.key)], sealed), TypeError);
    assert.throws(() => readOptions(wechatOptions({ apiV3Key: input.key })), /apiV3Key is 32 ASCII/);
  });

  it("a list of certificates of wechatpay-java's is downloaded and decrypted", async () => {
    const { input, expected } = vectors["certificates-download-java"];
    const nowMs = Date.parse("2024-06-01T00:00:00Z");
    const timestamp = String(nowMs / 1000);
    const fake = await startFakeWechat(() => told(Buffer.from(input.response_body_utf8), 200, { timestamp }));
    const options = wechatOptions({
      apiV3Key: input.apiv3_key,
      certificates: true,
      baseUrls: [fake.url],
    });
    const gateway = createGateway(options, { log: keepingLog().log, now: () => nowMs });
    try {
      // An unknown serial number makes it look, or waits for the look that is under way.
      await gateway.openNotice(named("AB12"), Buffer.from("{}"));
      const [certificate] = gateway.certificates();
      assert(certificate !== undefined);
      assert.equal(certificate.serial, expected.serial_number_hex_upper);
      assert.equal(certificate.expireTimeMs, Date.parse(expected.not_after));
      const parsed = new X509Certificate(expected.certificate_pem);
      assert(parsed.publicKey.equals(certificate.key));
    } finally {
      await gateway.close();
      await fake.close();
    }
    function named(serial: string) {
      return {
        "wechatpay-timestamp": [timestamp],
        "wechatpay-nonce": ["n"],
        "wechatpay-serial": [serial],
        "wechatpay-signature": ["AAAA"],
      };
    }
  });

  it("an answer that brings certificates is verified as wechatpay-go signs it", async () => {
    const { input, derived, expected } = vectors["certificates-download-go"];
    const { certificate_pem: pem } = keys[expected.certificate_equals_key_ref];
    const { publicKey, serialNumber } = new X509Certificate(pem);
    assert.equal(serialNumber, expected.serial_number_hex_upper);
    const headers = {
      "Wechatpay-Timestamp": derived.wechatpay_timestamp,
      "Wechatpay-Nonce": input.response_nonce_header,
      "Wechatpay-Serial": serialNumber,
      "Wechatpay-Signature": derived.signature_base64,
    };
    const now = () => Number(derived.wechatpay_timestamp) * 1000;
    const body = Buffer.from(input.response_body_utf8);
    assert.equal(await checkSignature(reader(headers), body, () => publicKey, now), undefined);
    const other = createPublicKey(PLATFORM.publicPem);
    assert.equal(await checkSignature(reader(headers), body, () => other, now), "signature");
  });

  it("sensitive fields are encrypted as wechatpay-apache-httpclient decrypts them", () => {
    const { input, expected } = vectors["oaep-apache-httpclient-helloworld"];
    const decrypt = (text: string) =>
      privateDecrypt(
        { key: input.private_key_pem, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha1" },
        Buffer.from(text, "base64"),
      ).toString();
    assert.equal(decrypt(input.ciphertext_base64), expected.plaintext_utf8);
    const { publicKey } = new X509Certificate(input.certificate_pem);
    assert.equal(decrypt(sealField(publicKey, "张三")), "张三");
    assert.equal(decrypt(sealField(publicKey, "x".repeat(214))).length, 214);
    assert.throws(() => sealField(publicKey, "x".repeat(215)), RangeError);
  });
});
