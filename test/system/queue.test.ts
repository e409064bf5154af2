/** The queue in ordinary times and with difficult receivers, with Redis and without it. */
import assert from "node:assert/strict";
import { metrics } from "@opentelemetry/api";
import type { EventId } from "../../src/billing/event.ts";
import { observeQueue } from "../../src/queue/metrics.ts";
import { replayDeliveries } from "../../src/store/delivery-replay.ts";
import { createLog } from "../../src/telemetry/log.ts";
import { endpoint, newEvent, newSecret, openQueueWorld, until, type QueueWorld } from "../support/queue.ts";
import { startReceiver, verify, type Reaction, type Receiver } from "../support/receiver.ts";
import { flavours, sharedRedis } from "../support/servers.ts";

let prefixes = 0;
const TRANSPORTS = ["BullMQ", "MySQL alone"] as const;

for (const flavour of flavours()) {
  for (const transport of TRANSPORTS) {
    describe(`the queue on ${flavour} through ${transport}`, () => {
      let world: QueueWorld;
      let redisUrl: string;
      const receivers: Receiver[] = [];
      before(async () => {
        world = await openQueueWorld(flavour);
        redisUrl = (await sharedRedis()).url;
      });
      afterEach(async () => {
        await world.rest();
        await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
      });
      after(() => world.close());

      const receive = async (reaction?: Reaction) => {
        const receiver = await startReceiver(reaction);
        receivers.push(receiver);
        return receiver;
      };
      /** Of the test's own: nobody else's jobs are in it. */
      const newRedis = () =>
        transport === "BullMQ" ? { url: redisUrl, prefix: `queue-test-${++prefixes}` } : undefined;
      const idsAt = ({ received }: Receiver) => received.map(({ id }) => id);
      const sorted = (ids: readonly string[]) => [...ids].sort();

      it("delivers each committed event once to each endpoint that wants it, signed", async () => {
        const [shop, crm] = [await receive(), await receive()];
        const all = endpoint(shop.url);
        const some = endpoint(crm.url, { name: "crm", types: ["user.*"] });
        const { queue, told } = world.start({ redis: newRedis(), endpoints: [all, some] });
        const events = Array.from({ length: 100 }, (_, at) =>
          newEvent(at % 10 === 0 ? { type: "user.registered" } : {}),
        );
        const ids = await world.commit(...events);
        queue.wake();
        const deliveries = await world.untilEnded(110);
        assert.ok(deliveries.every(({ state, attempts }) => state === "DELIVERED" && attempts === 1));
        assert.deepEqual(sorted(idsAt(shop)), sorted(ids));
        const users = events.filter(({ type }) => type === "user.registered");
        assert.deepEqual(sorted(idsAt(crm)), sorted(users.map(({ eventId }) => eventId)));
        for (const message of shop.received) verify(all.secret, message);
        for (const message of crm.received) verify(some.secret, message);
        assert.deepEqual(told.faults, []);
      });

      it("delivers each event once although two servers publish and deliver at once", async () => {
        const shop = await receive();
        const redis = newRedis();
        const endpoints = [endpoint(shop.url)];
        const servers = [1, 2].map(() => world.start({ redis, endpoints }));
        const ids: EventId[] = [];
        for (let batch = 0; batch < 20; batch++) {
          ids.push(...(await world.commit(...Array.from({ length: 10 }, () => newEvent()))));
          for (const { queue } of servers) queue.wake();
        }
        await world.untilEnded(ids.length);
        assert.deepEqual(sorted(idsAt(shop)), sorted(ids));
        assert.deepEqual(servers.flatMap(({ told }) => told.faults), []);
      });

      it("finds events by itself when nobody wakes it", async () => {
        const shop = await receive();
        world.start({ redis: newRedis(), endpoints: [endpoint(shop.url)] });
        await world.commit(newEvent());
        await world.untilEnded(1);
        assert.equal(shop.received.length, 1);
      });

      it("tries again until it is confirmed, with the same id and the very same bytes", async () => {
        const shop = await receive(({ time }, answer) => {
          if (time === 2) return void answer.destroy();
          return time === 3 ? 200 : 500;
        });
        const { told } = world.start({ redis: newRedis(), endpoints: [endpoint(shop.url)] });
        const [eventId] = await world.commit(newEvent());
        const [delivery] = await world.untilEnded(1);
        assert.deepEqual([delivery!.state, delivery!.attempts], ["DELIVERED", 3]);
        assert.deepEqual(idsAt(shop), [eventId, eventId, eventId]);
        assert.equal(new Set(shop.received.map(({ body }) => body)).size, 1);
        assert.equal(told.words.filter((word) => word.startsWith("retried shop")).length, 2);
      });

      it("gives up after the schedule with an alarm, and replays under the same id", async () => {
        const shop = await receive(() => 503);
        const target = endpoint(shop.url);
        const { told } = world.start({ redis: newRedis(), endpoints: [target] });
        const [eventId] = await world.commit(newEvent());
        const [dead] = await world.untilEnded(1);
        const { state, attempts, lastStatus, lastError } = dead!;
        assert.deepEqual([state, attempts, lastStatus, lastError], ["DEAD", 4, 503, "HTTP 503"]);
        await until(() => told.words.includes("died shop HTTP 503"));
        shop.react(() => 204);
        assert.equal(await replayDeliveries(world.orm, { allDead: true }), 1);
        const [delivery] = await world.untilEnded(1);
        assert.deepEqual([delivery!.state, delivery!.attempts, delivery!.replays], ["DELIVERED", 1, 1]);
        assert.equal(shop.received.length, 5);
        assert.ok(shop.received.every(({ id }) => id === eventId));
        assert.equal(new Set(shop.received.map(({ body }) => body)).size, 1);
        verify(target.secret, shop.received.at(-1)!);
      });

      it("gives up at once when the receiver says that it is gone", async () => {
        const shop = await receive(() => 410);
        world.start({ redis: newRedis(), endpoints: [endpoint(shop.url)] });
        await world.commit(newEvent());
        const [delivery] = await world.untilEnded(1);
        assert.deepEqual([delivery!.state, delivery!.attempts], ["DEAD", 1]);
      });

      it("holds up nothing else for a message that gets no answer", async () => {
        const slow = await receive(({ id }) => (id === stuck ? undefined : 200));
        const shop = await receive();
        let stuck = "";
        const endpoints = [endpoint(slow.url, { name: "slow" }), endpoint(shop.url)];
        const { queue } = world.start({ redis: newRedis(), endpoints });
        const first = newEvent();
        stuck = first.eventId;
        await world.commit(first);
        await slow.until(({ length }) => length === 1);
        await world.commit(...Array.from({ length: 50 }, () => newEvent()));
        queue.wake();
        const deliveries = await world.untilEnded(101);
        const pending = deliveries.filter(({ state }) => state === "PENDING");
        assert.deepEqual(pending.map(({ eventId, endpoint: name }) => [eventId, name]), [[stuck, "slow"]]);
      });

      it("hands back what doesn't end in time when it is closed, to another server", async () => {
        const shop = await receive(({ time }) => (time === 1 ? undefined : 200));
        const redis = newRedis();
        const endpoints = [endpoint(shop.url)];
        const { queue } = world.start({ redis, endpoints, limits: { closeGraceMs: 50 } });
        const [eventId] = await world.commit(newEvent());
        await shop.until(({ length }) => length === 1);
        await queue.close();
        const [handedBack] = await world.deliveries();
        assert.deepEqual([handedBack!.state, handedBack!.attempts], ["PENDING", 0]);
        world.start({ redis, endpoints });
        await world.untilEnded(1);
        assert.deepEqual(idsAt(shop), [eventId, eventId]);
      });

      it("lets what is under way end when it is closed, and takes nothing new", async () => {
        let release = () => {};
        const shop = await receive((_message, answer) => {
          release = () => void answer.writeHead(200).end();
        });
        const { queue } = world.start({
          redis: newRedis(),
          endpoints: [endpoint(shop.url)],
          limits: { closeGraceMs: 60_000 },
        });
        await world.commit(newEvent());
        await shop.until(({ length }) => length === 1);
        const closing = queue.close();
        await world.commit(newEvent());
        release();
        await closing;
        const deliveries = await world.deliveries();
        assert.deepEqual(deliveries.map(({ state }) => state), ["DELIVERED"]);
        assert.equal(shop.received.length, 1);
      });

      it("signs with each secret of a rotation", async () => {
        const shop = await receive();
        const secrets = [newSecret(), newSecret()];
        world.start({ redis: newRedis(), endpoints: [endpoint(shop.url, { secrets })] });
        await world.commit(newEvent());
        await world.untilEnded(1);
        for (const secret of secrets) verify(secret, shop.received[0]!);
        assert.throws(() => verify(newSecret(), shop.received[0]!));
      });

      it("writes neither a secret nor an address nor a signature into its log or its books", async () => {
        const lines: string[] = [];
        const log = createLog({
          level: "debug",
          destination: { write: (line: string) => void lines.push(line) },
        });
        const observer = observeQueue(metrics.getMeter("test"), log);
        const shop = await receive(() => 500);
        const target = endpoint(`${shop.url}?key=hunter2`);
        const gone = endpoint("http://127.0.0.1:1/hunter2", { name: "gone" });
        world.start({ redis: newRedis(), endpoints: [target, gone], observer });
        await world.commit(newEvent());
        await world.untilEnded(2);
        await until(() => lines.filter((line) => line.includes("given up")).length === 2);
        const books = JSON.stringify(await world.deliveries());
        for (const text of [lines.join(""), books]) {
          const signature = String(shop.received[0]!.headers["webhook-signature"]).slice(3);
          for (const given of [target.secret.slice(6), gone.secret.slice(6), signature, "hunter2"]) {
            assert.ok(!text.includes(given), text);
          }
        }
      });

      it("says to what unknown endpoint something is owed, and delivers when it is known again", async () => {
        const shop = await receive();
        const old = endpoint(shop.url, { name: "old" });
        const { queue } = world.start({ redis: newRedis(), endpoints: [old] });
        await queue.close();
        const [eventId] = await world.commit(newEvent());
        await world.query(`insert into webhook_deliveries
          (event_id, endpoint, state, attempts, replays, next_try_time, create_time)
          values ('${eventId}', 'old', 'PENDING', 0, 0, now(3), now(3))`);
        const { told } = world.start({ redis: newRedis(), endpoints: [endpoint(shop.url)] });
        await until(() => told.words.includes("looked old"));
        world.start({ redis: newRedis(), endpoints: [old] });
        await world.untilEnded(2);
        assert.deepEqual(idsAt(shop), [eventId, eventId]);
      });
    });
  }
}
