import assert from "node:assert/strict";
import { Aes, Formatter, Rsa, Wechatpay } from "wechatpay-axios-plugin";
import { startSimulator, type Fault, type KeyMode, type Simulator } from "../../src/simulator/index.ts";
import { orderBody, startEndpoint, type Endpoint, type Received } from "../support/wechat-merchant.ts";

// The plugin's calls are made of chained names that no type tells.
// oxlint-disable-next-line typescript/no-explicit-any
type Client = any;

const HOUR_MS = 3_600_000;

describe("the simulator and the independent client wechatpay-axios-plugin", () => {
  let simulator: Simulator;
  let endpoint: Endpoint;

  before(async () => {
    endpoint = await startEndpoint();
    simulator = await startSimulator();
  });
  after(async () => {
    await simulator.close();
    await endpoint.close();
  });

  const clientOf = (mode: KeyMode): Client => {
    const { mchid, serial, privateKeyPem, platformCertificates, publicKeyId, publicKeyPem } =
      simulator.merchant;
    const certificates = Object.fromEntries(platformCertificates.map((each) => [each.serial, each.pem]));
    return new Wechatpay({
      mchid,
      serial,
      privateKey: privateKeyPem,
      certs: mode === "certificate" ? certificates : { [publicKeyId]: publicKeyPem },
      baseURL: simulator.url,
      headers: mode === "certificate" ? {} : { "Wechatpay-Serial": publicKeyId },
    });
  };

  /** What a callback says, read with the plugin's means only. */
  const readCallback = ({ headers, raw }: Received): unknown => {
    const { publicKeyId, publicKeyPem, platformCertificates, apiV3Key } = simulator.merchant;
    const serial = headers["wechatpay-serial"];
    const key =
      serial === publicKeyId
        ? publicKeyPem
        : platformCertificates.find((each) => each.serial === serial)?.pem;
    assert.ok(key);
    const message = Formatter.response(
      headers["wechatpay-timestamp"] ?? "",
      headers["wechatpay-nonce"] ?? "",
      raw.toString(),
    );
    assert.ok(Rsa.verify(message, headers["wechatpay-signature"] ?? "", key));
    const { resource } = JSON.parse(raw.toString());
    const { ciphertext, nonce, associated_data: data } = resource;
    return JSON.parse(Aes.AesGcm.decrypt(ciphertext, apiV3Key, nonce, data));
  };

  for (const mode of ["certificate", "public-key", "mixed"] as const) {
    describe(`in ${mode} mode`, () => {
      let client: Client;

      beforeEach(() => {
        simulator.reset();
        simulator.keys.mode(mode);
        simulator.refunds.script("default", "SUCCESS", 0);
        endpoint.received.length = 0;
        client = clientOf(mode);
      });

      it("creates, queries, refunds, closes, verifies every answer and reads the callbacks", async () => {
        const body = orderBody(simulator, { notify_url: endpoint.url });
        const { mchid } = simulator.merchant;
        const number = String(body["out_trade_no"]);
        const made = await client.v3.pay.transactions.native.post(body);
        assert.equal(made.status, 200);
        simulator.user.pay(made.data.code_url);
        const byNumber = client.v3.pay.transactions.outTradeNo.$out_trade_no$;
        const found = await byNumber.get({ params: { mchid }, out_trade_no: number });
        assert.equal(found.data.trade_state, "SUCCESS");
        const byId = client.v3.pay.transactions.id["{transaction_id}"];
        const same = await byId.get({ params: { mchid }, transaction_id: found.data.transaction_id });
        assert.deepEqual(same.data, found.data);
        const refund = {
          transaction_id: found.data.transaction_id,
          out_refund_no: `R${number}`,
          notify_url: endpoint.url,
          amount: { refund: 100, total: 9_900, currency: "CNY" },
        };
        const back = await client.v3.refund.domestic.refunds.post(refund);
        assert.equal(back.data.status, "PROCESSING");
        await simulator.idle();
        const queried = await client.v3.refund.domestic.refunds["{out_refund_no}"].get({
          out_refund_no: `R${number}`,
        });
        assert.equal(queried.data.status, "SUCCESS");
        const told = endpoint.received.map(readCallback) as Record<string, unknown>[];
        assert.deepEqual(
          told.map((each) => [each["out_trade_no"], each["trade_state"] ?? each["refund_status"]]),
          [
            [number, "SUCCESS"],
            [number, "SUCCESS"],
          ],
        );
        const other = orderBody(simulator);
        await client.v3.pay.transactions.native.post(other);
        const otherNumber = String(other["out_trade_no"]);
        const closed = await byNumber.close.post({ mchid }, { out_trade_no: otherNumber });
        assert.equal(closed.status, 204);
        assert.equal(simulator.orders.find(otherNumber)?.state, "CLOSED");
      });

      const FORGED: readonly (readonly [Fault, string])[] = [
        [{ kind: "bad-signature" }, "EV3_RES_HEADER_SIGNATURE_DIGEST"],
        [{ kind: "signtest" }, "EV3_RES_HEADER_SIGNATURE_DIGEST"],
        [{ kind: "altered-body" }, "EV3_RES_HEADER_SIGNATURE_DIGEST"],
        [{ kind: "timestamp", offsetSeconds: -360 }, "EV3_RES_HEADER_TIMESTAMP_OFFSET"],
        [{ kind: "unknown-serial" }, "EV3_RES_HEADER_PLATFORM_SERIAL"],
        [{ kind: "missing-headers" }, "EV3_RES_HEADERS_INCOMPLATE"],
      ];
      it("takes none of the answers that are forged", async () => {
        for (const [fault, code] of FORGED) {
          simulator.faults.next({}, fault);
          const making = client.v3.pay.transactions.native.post(orderBody(simulator));
          await assert.rejects(making, (error: { code?: string }) => error.code === code, fault.kind);
        }
      });
    });
  }

  it("reads the trade bill: as many rows as there were, none of them torn", async () => {
    simulator.reset();
    simulator.keys.mode("certificate");
    const client = clientOf("certificate");
    const { clock } = simulator;
    const startMs = clock.now();
    const day = new Date(startMs + 8 * HOUR_MS).toISOString().slice(0, 10);
    for (let at = 0; at < 3; at += 1) {
      const body = orderBody(simulator, { notify_url: endpoint.url });
      simulator.user.pay((await client.v3.pay.transactions.native.post(body)).data.code_url);
    }
    await simulator.idle();
    // The plugin signs with the real time, so the simulator's clock comes back after the bill is made.
    const { call } = await import("../support/wechat-merchant.ts");
    clock.set(startMs + 48 * HOUR_MS);
    const applied = await call(simulator, "GET", `/v3/bill/tradebill?bill_date=${day}`);
    const { pathname, search } = new URL(applied.json.download_url);
    const { raw } = await call(simulator, "GET", pathname + search);
    const { rows, summary } = Formatter.castCsvBill(raw) as {
      rows: Record<string, string>[];
      summary: Record<string, string>;
    };
    assert.equal(rows.length, 3);
    assert.ok(rows.every((row) => row["订单金额"] === "99.00" && row["交易状态"] === "SUCCESS"));
    assert.equal(summary["总交易单数"], "3.0");
    assert.equal(summary["订单总金额"], "297.0");
    simulator.reset();
    const again = await client.v3.pay.transactions.native.post(orderBody(simulator));
    assert.equal(again.status, 200);
  });
});
