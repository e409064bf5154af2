/** What operators do about the queue from a shell. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { EventId } from "../../src/billing/event.ts";
import { replayDeliveries } from "../../src/store/delivery-replay.ts";
import { killPrograms, startProgram } from "../support/program.ts";
import { endpoint, newEvent, openQueueWorld, type QueueWorld } from "../support/queue.ts";
import { startReceiver, type Receiver } from "../support/receiver.ts";
import { flavours } from "../support/servers.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/queue.ts");
const DAY_MS = 86_400_000;

for (const flavour of flavours()) {
  describe(`the queue's commands on ${flavour}`, () => {
    let world: QueueWorld;
    let shop: Receiver;
    before(async () => {
      world = await openQueueWorld(flavour);
    });
    beforeEach(async () => {
      shop = await startReceiver();
    });
    afterEach(async () => {
      await killPrograms();
      await world.rest();
      await shop.close();
    });
    after(() => world.close());

    const run = async (...words: string[]) => {
      const env = { DATABASE_URL: world.url };
      const program = startProgram([PROGRAM, ...words], { cwd: import.meta.dirname, env });
      const { code } = await program.exited;
      return { code, lines: program.lines, text: program.lines.join("\n") };
    };
    /** A delivery of each event to `shop`, and to `crm`, ended as its receiver says. */
    const endDeliveries = async (status: number, ...events: ReturnType<typeof newEvent>[]) => {
      shop.react(() => status);
      const endpoints = ["shop", "crm"].map((name) => endpoint(shop.url, { name }));
      const started = world.start({ endpoints, limits: { retryScheduleMs: [] } });
      const ids = await world.commit(...events);
      await world.untilEnded((await world.deliveries()).length + events.length * 2);
      await started.queue.close();
      return ids;
    };
    const pending = async (): Promise<string[]> =>
      (await world.deliveries())
        .filter(({ state }) => state === "PENDING")
        .map(({ eventId, endpoint: name }) => `${eventId} ${name}`);
    const both = (id: EventId | undefined) => [`${id} crm`, `${id} shop`];

    it("list what was given up, with the reason and of one endpoint if asked, and nothing else", async () => {
      assert.deepEqual((await run("list-dead")).lines, ["nothing was given up"]);
      await endDeliveries(204, newEvent());
      const [first, second] = await endDeliveries(500, newEvent(), newEvent());
      const all = await run("list-dead");
      assert.equal(all.code, 0);
      assert.equal(all.lines.length, 4);
      for (const id of [first, second]) assert.ok(all.text.includes(id!));
      const crm = await run("list-dead", "--endpoint", "crm", "--limit", "1");
      assert.equal(crm.lines.length, 1);
      assert.match(crm.text, /^evt_\w+\tcrm\torder\.paid\tord_evt_\w+\t1 attempts\t20.*Z\tHTTP 500$/);
    });

    it("show an event with its payload and what became of it", async () => {
      const event = newEvent({ payload: { amount_fen: 9_900, note: "衣服 \"quoted\"", ok: true } });
      await endDeliveries(500, event);
      const { code, text } = await run("show", event.eventId);
      assert.equal(code, 0);
      const shown = JSON.parse(text) as Record<string, unknown> & { deliveries: unknown[] };
      assert.deepEqual(shown["payload"], event.payload);
      assert.equal(shown["createTime"], new Date(event.createTimeMs).toISOString());
      assert.equal(shown["published"], true);
      assert.equal(shown.deliveries.length, 2);
      assert.match(JSON.stringify(shown.deliveries), /"state":"DEAD".*"lastError":"HTTP 500"/);
      assert.equal((await run("show", "evt_unknown")).code, 1);
    });

    it("replay one event, delivered or dead, to one endpoint or to all", async () => {
      const [delivered] = await endDeliveries(204, newEvent());
      const [dead] = await endDeliveries(500, newEvent());
      assert.match((await run("replay", dead!, "--endpoint", "crm")).text, /^1 on their way again$/);
      assert.deepEqual(await pending(), [`${dead} crm`]);
      assert.match((await run("replay", dead!)).text, /^1 on/);
      assert.match((await run("replay", delivered!)).text, /^2 on/);
      assert.deepEqual(await pending(), [...both(delivered), ...both(dead)]);
      // What is on its way is left alone.
      assert.equal((await run("replay", dead!)).code, 1);
    });

    it("replay all that was given up, and nothing that was delivered", async () => {
      await endDeliveries(204, newEvent());
      const [first, second] = await endDeliveries(500, newEvent(), newEvent());
      assert.match((await run("replay", "--dead", "--endpoint", "shop")).text, /^2 on/);
      assert.deepEqual(await pending(), [`${first} shop`, `${second} shop`]);
      assert.match((await run("replay", "--dead")).text, /^2 on/);
      assert.deepEqual(await pending(), [...both(first), ...both(second)]);
    });

    it("replay all that happened since a time, the very moment included", async () => {
      const nowMs = Date.now();
      const times = [nowMs - 2 * DAY_MS, nowMs - DAY_MS, nowMs];
      const events = times.map((createTimeMs) => newEvent({ createTimeMs }));
      const [, second, third] = await endDeliveries(204, ...events);
      const since = new Date(nowMs - DAY_MS).toISOString();
      assert.match((await run("replay", "--since", since)).text, /^4 on/);
      assert.deepEqual(await pending(), [...both(second), ...both(third)].sort());
    });

    it("replay more than one batch, each delivery once", async () => {
      const count = 1_200;
      const events = Array.from({ length: count }, () => newEvent());
      await world.commit(...events);
      await world.query(`insert into webhook_deliveries
        (event_id, endpoint, state, attempts, replays, next_try_time, create_time, end_time)
        select event_id, 'shop', 'DEAD', 4, 0, now(3), now(3), now(3) from outbox_events`);
      const sinceMs = events[0]!.createTimeMs;
      assert.equal(await replayDeliveries(world.orm, { allDead: true }), count);
      await world.query("update webhook_deliveries set state = 'DELIVERED', end_time = now(3)");
      assert.equal(await replayDeliveries(world.orm, { sinceMs }), count);
      const deliveries = await world.deliveries();
      assert.ok(deliveries.every(({ replays, attempts }) => replays === 2 && attempts === 0));
    });

    it("say how they are used when the words make no command", async () => {
      const wrong = [
        [],
        ["replay"],
        ["replay", "--dead", "--since", "2026-01-01T00:00:00Z"],
        ["replay", "--since", "yesterday"],
        ["replay", "x'; drop table users"],
        ["list-dead", "--limit", "0"],
        ["show"],
        ["flush"],
        ["list-dead", "--force"],
      ];
      const ends = await Promise.all(wrong.map((words) => run(...words)));
      for (const [at, { code, text }] of ends.entries()) {
        assert.equal(code, 2, wrong[at]!.join(" "));
        assert.match(text, /^usage: /);
      }
      assert.equal((await run("help")).code, 0);
    });
  });
}
