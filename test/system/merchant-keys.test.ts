/** Keys and certificates change under a merchant who goes on selling: each step as docs/payments.md has it. */
import assert from "node:assert/strict";
import { openTelemetry, type Telemetry } from "../../src/telemetry/telemetry.ts";
import { orderIdOf, openTill, type Till } from "../support/till.ts";
import { flavours } from "../support/servers.ts";

const DAY_MS = 24 * 3_600_000;

for (const flavour of flavours()) {
  describe(`a merchant's keys on ${flavour}`, () => {
    let telemetry: Telemetry;
    let till: Till;
    beforeEach(async () => {
      telemetry = await openTelemetry({
        instance: "test",
        version: "0",
        log: { level: "error", destination: { write: () => undefined } },
        metrics: { host: "127.0.0.1", port: 0 },
      });
      till = await openTill(flavour, {
        simulator: { keyMode: "certificate" },
        observer: telemetry.payments,
        wechat: { publicKey: undefined, certificates: true },
      });
    });
    afterEach(async () => {
      await till.close();
      await telemetry.close();
    });

    /** Sells a month; nobody asks, so it's the callback that tells. */
    const sell = async () => {
      const order = await till.order(await till.user());
      till.simulator.user.pay(orderIdOf(order));
      await till.until(async () => (await till.get(orderIdOf(order))).order!.payTime !== undefined);
    };
    const series = async () => (await (await fetch(telemetry.metricsUrl)).text()).split("\n");
    const signatures = async (what: string, by: string) => {
      const own = new RegExp(`^billing_wechat_signatures_total\\{.*what="${what}".*by="${by}"`);
      return Number(
        (await series())
          .find((line) => own.test(line))
          ?.split(" ")
          .at(-1) ?? 0,
      );
    };
    const expiryMs = async () => {
      const own = /^billing_wechat_certificate_expiry_time_seconds/;
      const line = (await series()).find((each) => own.test(each));
      return line === undefined ? undefined : Number(line.split(" ").at(-1)) * 1_000;
    };

    it("change from certificates to the public key without a lost sale, and metrics show how far it is", async () => {
      await sell();
      assert.ok((await signatures("callback", "certificate")) > 0);
      assert.ok((await signatures("answer", "certificate")) > 0);
      assert.equal(await signatures("callback", "public-key"), 0);
      assert.ok((await expiryMs())! > Date.now() + 365 * DAY_MS);

      const { publicKeyId: id, publicKeyPem: pem } = till.simulator.merchant;
      await till.restart({ publicKey: { id, pem }, certificates: true });
      await sell();
      till.simulator.keys.mode("mixed");
      till.simulator.keys.callbackPublicKeyShare(0);
      await sell();
      assert.equal(await signatures("callback", "public-key"), 0);
      assert.ok(
        (await signatures("answer", "public-key")) > 0,
        "whoever names a key is answered with it",
      );
      till.simulator.keys.callbackPublicKeyShare(1);
      const byCertificate = await signatures("callback", "certificate");
      await sell();
      assert.ok((await signatures("callback", "public-key")) > 0);
      assert.equal(
        await signatures("callback", "certificate"),
        byCertificate,
        "they have come to their end",
      );

      till.simulator.keys.mode("public-key");
      await till.restart({ publicKey: { id, pem }, certificates: false });
      await sell();
      assert.deepEqual(till.payments.gateway.certificates(), []);
    });

    it("a new platform certificate is found and trusted by itself, and its end is the one that is told", async () => {
      await sell();
      const beforeMs = (await expiryMs())!;
      await till.advance(DAY_MS);
      await till.simulator.keys.rotateCertificate();
      till.simulator.keys.newCertificateShare(1);
      await sell();
      till.simulator.keys.retireOldCertificates();
      await sell();
      assert.ok((await expiryMs())! >= beforeMs + DAY_MS - 1_000);
      assert.equal(await signatures("callback", "public-key"), 0);
    });
  });
}
