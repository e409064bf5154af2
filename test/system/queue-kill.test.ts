/** A server of the queue that is killed, at any step: what it had in hand is delivered by another. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EventId } from "../../src/billing/event.ts";
import { killPrograms, startProgram, type Program } from "../support/program.ts";
import type { ChildOptions } from "../support/queue-child.ts";
import { endpoint, newEvent, newSecret, openQueueWorld, QUICK, type QueueWorld } from "../support/queue.ts";
import { startReceiver, type Receiver } from "../support/receiver.ts";
import { flavours, freshDirectory, sharedRedis } from "../support/servers.ts";

const CHILD = join(import.meta.dirname, "../support/queue-child.ts");
const KILLS = 6;
/** Short: what a dead server had in hand comes back after it. */
const LEASES = { ...QUICK, requestTimeoutMs: 1_500, leaseMs: 2_000 };

let prefixes = 0;

for (const flavour of flavours()) {
  for (const transport of ["BullMQ", "MySQL alone"] as const) {
    describe(`servers of the queue that are killed, on ${flavour} through ${transport}`, () => {
      let world: QueueWorld;
      let shop: Receiver;
      let redis: ChildOptions["redis"];
      const secret = newSecret();
      before(async () => {
        world = await openQueueWorld(flavour);
      });
      beforeEach(async () => {
        shop = await startReceiver();
        const { url } = await sharedRedis();
        redis = transport === "BullMQ" ? { url, prefix: `queue-kill-${++prefixes}` } : undefined;
      });
      afterEach(async () => {
        await killPrograms();
        await world.rest();
        await shop.close();
      });
      after(() => world.close());

      const startServer = async (): Promise<Program> => {
        const file = join(await freshDirectory(), "queue.json");
        const options: ChildOptions = {
          databaseUrl: world.url,
          redis,
          endpoints: [{ name: "shop", url: shop.url, secrets: [secret], types: ["*"] }],
          limits: LEASES,
        };
        writeFileSync(file, JSON.stringify(options));
        const program = startProgram([CHILD, file], { cwd: import.meta.dirname });
        await program.line(/^started$/);
        return program;
      };

      it("leave a message that was sent and not written down to another, who sends it again", async () => {
        const first = await startServer();
        shop.react(() => {
          // The receiver has it, and the sender will never hear so.
          first.kill("SIGKILL");
        });
        const event = newEvent();
        await world.commit(event);
        await first.exited;
        assert.equal((await world.deliveries())[0]!.state, "PENDING");
        shop.react(() => 204);
        const target = endpoint(shop.url, { secrets: [secret] });
        world.start({ redis, endpoints: [target], limits: LEASES });
        const [delivery] = await world.untilEnded(1);
        assert.deepEqual([delivery!.state, delivery!.attempts], ["DELIVERED", 2]);
        const ids = shop.received.map(({ id }) => id);
        assert.deepEqual(ids, [event.eventId, event.eventId]);
        assert.equal(shop.received[0]!.body, shop.received[1]!.body);
      });

      it("lose nothing and deliver each event at least once, killed again and again under load", async () => {
        const ids: EventId[] = [];
        for (let kill = 1; kill <= KILLS; kill++) {
          const server = await startServer();
          const seen = shop.received.length;
          ids.push(...(await world.commit(...Array.from({ length: 40 }, () => newEvent()))));
          // Each is killed somewhat further on its way than the one before.
          await shop.until(({ length }) => length >= seen + kill * 5);
          server.kill("SIGKILL");
          await server.exited;
        }
        await startServer();
        const deliveries = await world.untilEnded(ids.length);
        assert.ok(deliveries.every(({ state }) => state === "DELIVERED"));
        const received = new Set(shop.received.map(({ id }) => id));
        assert.deepEqual([...received].sort(), [...ids].sort());
      });
    });
  }
}
