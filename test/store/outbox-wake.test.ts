import assert from "node:assert/strict";
import type { UserId } from "../../src/billing/id.ts";
import { HOUR_MS } from "../../src/billing/clock.ts";
import { registerUser } from "../../src/billing/membership/register-user.ts";
import { startQueue } from "../../src/queue/queue.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { openBank, unique, type Bank } from "../support/bank.ts";
import { endpoint, listen, QUICK } from "../support/queue.ts";
import { startReceiver } from "../support/receiver.ts";
import { flavours } from "../support/servers.ts";

for (const flavour of flavours()) {
  describe(`a commit with events on ${flavour}`, () => {
    let bank: Bank;
    let wake = () => {};
    let commits = 0;
    before(async () => {
      const eventsCommitted = () => {
        commits += 1;
        wake();
      };
      bank = await openBank(flavour, { eventsCommitted });
    });
    after(() => bank.close());
    const register = async () => {
      const userId = unique("woken") as UserId;
      await bank.send(registerUser, { userId });
      return userId;
    };

    it("is told of once, and only where there are events", async () => {
      commits = 0;
      const userId = await register();
      assert.equal(commits, 1);
      await bank.reserve(userId);
      await assert.rejects(bank.reserve("nobody" as UserId));
      assert.equal(commits, 1, "neither a hold nor a refusal is an event");
    });

    it("is delivered at once, long before the relay would look by itself", async () => {
      const receiver = await startReceiver();
      const orm = await openOrm({ url: bank.url, poolMax: 4 });
      const told = listen();
      const limits = { ...QUICK, pollIntervalMs: HOUR_MS };
      const endpoints = [endpoint(receiver.url)];
      const queue = startQueue({ orm, endpoints, observer: told, limits });
      wake = () => queue.wake();
      try {
        const userId = await register();
        await receiver.until((received) => received.some(({ body }) => body.includes(userId)));
        assert.deepEqual(told.faults, []);
      } finally {
        wake = () => {};
        await queue.close();
        await closeOrm(orm);
        await receiver.close();
      }
    });
  });
}
