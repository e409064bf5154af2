import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { COLUMNS, printBill, summaryOf, type BillRow } from "../../src/simulator/bill-layout.ts";
import { decryptField, encryptField, seal, unseal } from "../../src/simulator/sealing.ts";
import {
  isSignedBy,
  payMessage,
  requestMessage,
  responseMessage,
  sha1Hex,
  signMessage,
} from "../../src/simulator/signing.ts";
import { authenticate } from "../../src/simulator/authorization.ts";
import { ApiError } from "../../src/simulator/refusal.ts";

// oxlint-disable-next-line typescript/no-explicit-any
type Known = any;

describe("the simulator's protocol against published known answers", () => {
  const known: Known = JSON.parse(
    readFileSync(new URL("../support/wechat-known-answers.json", import.meta.url), "utf8"),
  );
  const goKey = createPublicKey(known.keys.go.publicKeyPem);

  it("signs to the very bytes of WeChat Pay's Go library and takes no wrong signature", () => {
    const { message, signature, wrong } = known.signature;
    assert.equal(
      signMessage(Buffer.from(message), createPrivateKey(known.keys.go.privateKeyPem)),
      signature,
    );
    assert.ok(isSignedBy(Buffer.from(message), signature, goKey));
    assert.equal(wrong.length, 4);
    for (const each of wrong) {
      assert.ok(!isSignedBy(Buffer.from(each.message), each.signature, goKey), JSON.stringify(each));
    }
  });

  it("builds the request messages of the Go library, with the newline after the last line", () => {
    const { timestamp, nonce, cases } = known.requestMessages;
    for (const { method, target, body, message } of cases) {
      assert.equal(requestMessage(method, target, timestamp, nonce, Buffer.from(body)).toString(), message);
    }
  });

  it("lets in the request that the documentation signs, and none that differs in a byte", () => {
    const { request, keys } = known;
    const publicKey = createPublicKey(keys.documentationMerchant.publicKeyPem);
    const merchant = {
      mchid: request.mchid,
      appid: "wxd678efh567hg6787",
      apiV3Key: "x".repeat(32),
      privateKeyPem: keys.documentationMerchant.privateKeyPem,
      certificatePem: "",
      serial: request.serial,
      publicKey,
      untilMs: Infinity,
      refundNotifyUrl: null,
    };
    const merchants = new Map([[request.mchid, merchant]]);
    const nowMs = Number(request.timestamp) * 1_000;
    const signed = { method: request.method, target: request.target, authorization: request.authorization };
    const body = Buffer.from(request.body);
    assert.equal(authenticate({ ...signed, body }, merchants, nowMs, false).merchant, merchant);
    const message = requestMessage(request.method, request.target, request.timestamp, request.nonce, body);
    assert.equal(message.toString(), request.message);
    assert.equal(signMessage(message, merchant.privateKeyPem), request.signature);
    const changed = Buffer.from(request.body.replace("100", "900"));
    assert.throws(() => authenticate({ ...signed, body: changed }, merchants, nowMs, false), ApiError);
  });

  it("knows the signatures by which pages and apps call up the cashier", () => {
    const { cashier, keys } = known;
    const key = createPublicKey(keys.documentationMerchant.publicKeyPem);
    const { appId, timestamp, nonce, prepayId } = cashier;
    const page = payMessage(appId, timestamp, nonce, `prepay_id=${prepayId}`);
    const app = payMessage(appId, timestamp, nonce, prepayId);
    assert.ok(isSignedBy(page, cashier.jsapiSignature, key));
    assert.ok(isSignedBy(app, cashier.appSignature, key));
    assert.ok(!isSignedBy(app, cashier.jsapiSignature, key));
  });

  it("signs the same message as a genuine production answer in public key mode", () => {
    const { headers, body, message } = known.response;
    const built = responseMessage(
      headers["Wechatpay-Timestamp"],
      headers["Wechatpay-Nonce"],
      Buffer.from(body),
    );
    assert.equal(built.toString(), message);
    const key = createPublicKey(known.keys.documentationWeChat.publicKeyPem);
    assert.ok(isSignedBy(built, headers["Wechatpay-Signature"], key));
  });

  it("verifies, decrypts and makes again the callback of the Go library", () => {
    const { headers, body, apiV3Key, plaintext } = known.notification;
    const message = responseMessage(
      headers["Wechatpay-Timestamp"],
      headers["Wechatpay-Nonce"],
      Buffer.from(body),
    );
    assert.ok(isSignedBy(message, headers["Wechatpay-Signature"], goKey));
    assert.equal(
      signMessage(message, createPrivateKey(known.keys.go.privateKeyPem)),
      headers["Wechatpay-Signature"],
    );
    const { resource } = JSON.parse(body);
    const { nonce, associated_data: data, ciphertext } = resource;
    assert.equal(unseal(apiV3Key, nonce, data, ciphertext).toString(), plaintext);
    assert.equal(seal(apiV3Key, nonce, data, Buffer.from(plaintext)), ciphertext);
    assert.throws(() => unseal(apiV3Key, nonce, "x", ciphertext));
  });

  it("seals to the very bytes of the Java library and opens nothing that was changed", () => {
    const { apiV3Key, nonce, associatedData, plaintext, ciphertext } = known.sealed;
    assert.equal(seal(apiV3Key, nonce, associatedData, Buffer.from(plaintext)), ciphertext);
    assert.equal(unseal(apiV3Key, nonce, associatedData, ciphertext).toString(), plaintext);
    assert.throws(() => unseal(apiV3Key, nonce, `bad-${associatedData}`, ciphertext));
    assert.throws(() => unseal(apiV3Key, "bad-4a9R25RW", associatedData, ciphertext));
    assert.throws(() => unseal(apiV3Key, nonce, associatedData, Buffer.alloc(128).toString("base64")));
  });

  it("opens the certificate list of the Java library", () => {
    const { apiV3Key, body, certificatePem, serial } = known.certificates;
    const [{ encrypt_certificate: sealed }] = JSON.parse(body).data;
    const opened = unseal(apiV3Key, sealed.nonce, sealed.associated_data, sealed.ciphertext).toString();
    assert.equal(opened.trim(), certificatePem.trim());
    assert.equal(new X509Certificate(opened).serialNumber, serial);
  });

  it("decrypts the field of the Apache client library, and takes at most 214 bytes", () => {
    const { privateKeyPem, ciphertext, plaintext } = known.field;
    assert.equal(decryptField(ciphertext, createPrivateKey(privateKeyPem)), plaintext);
    const publicKey = createPublicKey(privateKeyPem);
    assert.equal(decryptField(encryptField("x".repeat(214), publicKey), privateKeyPem).length, 214);
    assert.throws(() => encryptField("x".repeat(215), publicKey));
  });

  it("prints the trade bill of the PHP library's fixture to the byte", () => {
    const { base64, sha1, rows: count } = known.tradeBill;
    const file = Buffer.from(base64, "base64");
    assert.equal(sha1Hex(file), sha1);
    assert.equal(sha1Hex(Buffer.from(known.sha1.text)), known.sha1.hex);
    const [head = "", ...lines] = file.toString().slice(1).split("\r\n").slice(0, -1);
    assert.deepEqual(head.split(","), COLUMNS.ALL);
    const rows: BillRow[] = lines.slice(0, -2).map((line) => {
      const cells = line.slice(1).split(",`");
      return Object.fromEntries(COLUMNS.ALL.map((column, at) => [column, cells[at] ?? ""]));
    });
    assert.equal(rows.length, count);
    const summary = summaryOf("ALL", rows, "short");
    assert.deepEqual(printBill({ columns: COLUMNS.ALL, rows, summary }), file);
  });
});
