/** The operators' command about bills, run as they run it. */
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { shanghaiDay } from "../../src/billing/calendar.ts";
import { DAY_MS } from "../../src/billing/clock.ts";
import { Order_State } from "../../src/gen/billing/order/v1/order.ts";
import { FILES, writeKeys } from "../../src/simulator/key-files.ts";
import { startProgram } from "../support/program.ts";
import { flavours, freshDirectory } from "../support/servers.ts";
import { openTill, orderIdOf, type Till } from "../support/till.ts";

const ROOT = join(import.meta.dirname, "../..");
const PROGRAM = join(ROOT, "bin/check-bill.ts");

for (const flavour of flavours()) {
  describe(`check-bill on ${flavour}`, () => {
    let till: Till;
    let env: Readonly<Record<string, string>>;
    before(async () => {
      till = await openTill(flavour);
      env = await environmentOf(till);
    });
    after(() => till.close());

    const run = async (...words: readonly string[]) => {
      const program = startProgram([PROGRAM, ...words], { cwd: ROOT, env });
      const { code } = await program.exited;
      return { code, text: program.lines.join("\n") };
    };

    it("grants a payment that only the bill knew, then knows the bill, and shows what differs", async () => {
      const { clock, user, faults, bills } = till.simulator;
      const orderId = orderIdOf(await till.order(await till.user()));
      faults.callbacks.drop({ chance: 1 });
      // Two days ago, so that its bill is there whatever the time of day.
      clock.set(Date.now() - 2 * DAY_MS);
      const date = shanghaiDay(clock.now());
      user.pay(orderId);
      clock.set(Date.now());
      const first = await run("--date", date);
      assert.equal(first.code, 0, first.text);
      assert.match(first.text, /1 lines, SHA-1 [0-9a-f]{40}\n1 payments that only the bill knew, 0 findings/);
      assert.equal((await till.get(orderId)).order!.state, Order_State.PAID);
      const again = await run("--date", date);
      assert.equal(again.code, 0, again.text);
      assert.match(again.text, /\(known\)\n0 payments that only the bill knew, 0 findings/);
      bills.corrupt("changed-amount");
      const changed = await run("--date", date);
      assert.equal(changed.code, 3, changed.text);
      const line = `AMOUNT_DIFFERS\t${orderId}\there 9900 fen\tthere 9901 fen\tline 2`;
      assert.ok(changed.text.includes(line), changed.text);
    });

    it("says what is wrong: words, a bill that isn't there, a bill that can't be believed", async () => {
      for (const words of [[], ["--date", "2026-02-30"], ["--date", "yesterday"], ["now"]]) {
        const { code, text } = await run(...words);
        assert.equal(code, 2);
        assert.match(text, /^usage: check-bill/);
      }
      const today = await run("--date", shanghaiDay(till.simulator.clock.now()));
      assert.equal(today.code, 1);
      assert.match(today.text, /hasn't made the bill yet/);
      till.simulator.bills.corrupt("truncated", 2);
      const broken = await run("--date", shanghaiDay(till.simulator.clock.now() - 2 * DAY_MS));
      assert.equal(broken.code, 1);
      assert.match(broken.text, /GatewayFault: /);
    });
  });
}

async function environmentOf({ simulator, merchant, service }: Till): Promise<Record<string, string>> {
  const folder = await freshDirectory();
  const keys = join(folder, "wechat");
  await mkdir(keys, { recursive: true });
  await writeKeys(keys, simulator);
  const write = async (name: string, content: unknown) => {
    const path = join(folder, name);
    await writeFile(path, JSON.stringify(content));
    return path;
  };
  const base64 = (byte: number) => Buffer.alloc(32, byte).toString("base64");
  return {
    DATABASE_URL: service.bank.url,
    IDENTITIES_FILE: await write("identities.json", [
      { name: "ops", roles: ["operator"], token_sha256: "0".repeat(64) },
    ]),
    SEALING_KEYS_FILE: await write("sealing.json", {
      active: "test",
      index_key: base64(9),
      keys: [{ id: "test", key: base64(7) }],
    }),
    WECHAT_FILE: await write("wechat/account.json", {
      appid: merchant.appid,
      mchid: merchant.mchid,
      merchant_serial: merchant.merchantSerial,
      merchant_private_key_file: FILES.privateKey,
      api_v3_key_file: FILES.apiV3Key,
      public_key_id: merchant.publicKey!.id,
      public_key_file: FILES.publicKey,
      certificates: true,
      notify_url: merchant.notifyUrl,
      base_urls: [simulator.url],
    }),
  };
}
