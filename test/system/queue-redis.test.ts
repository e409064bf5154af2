/** Redis in trouble: away, stopped, emptied, hanging. It carries messages; it can't lose any. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { EventId } from "../../src/billing/event.ts";
import { startLocalRedis, type LocalRedis } from "../../src/local/redis.ts";
import { endpoint, newEvent, openQueueWorld, until, type QueueWorld } from "../support/queue.ts";
import { startReceiver, type Receiver } from "../support/receiver.ts";
import { flavours, freshDirectory } from "../support/servers.ts";

for (const flavour of flavours()) {
  describe(`the queue on ${flavour} whose Redis is in trouble`, () => {
    let world: QueueWorld;
    let redis: LocalRedis;
    let shop: Receiver;
    before(async () => {
      world = await openQueueWorld(flavour);
      redis = await startLocalRedis({ dataDir: join(await freshDirectory(), "redis") });
    });
    beforeEach(async () => {
      shop = await startReceiver();
    });
    afterEach(async () => {
      await world.rest();
      await shop.close();
      await inRedis((client) => client.flushall());
    });
    after(async () => {
      await world.close();
      await redis.kill();
    });

    const inRedis = async <T>(work: (client: Redis) => Promise<T>): Promise<T> => {
      const client = new Redis(redis.url);
      try {
        return await work(client);
      } finally {
        client.disconnect();
      }
    };
    const startAgain = async () => {
      redis = await startLocalRedis({ dataDir: redis.dataDir, port: redis.port });
    };
    const commit = (count: number): Promise<EventId[]> =>
      world.commit(...Array.from({ length: count }, () => newEvent()));
    const start = (limits = {}) =>
      world.start({ redis: { url: redis.url }, endpoints: [endpoint(shop.url)], limits });
    /** Every event has come, and each as often as its delivery says. */
    const assertDelivered = async (ids: readonly EventId[]) => {
      const deliveries = await world.untilEnded(ids.length);
      assert.ok(deliveries.every(({ state }) => state === "DELIVERED"));
      const received = new Set(shop.received.map(({ id }) => id));
      assert.deepEqual([...received].sort(), [...ids].sort());
      const attempts = deliveries.reduce((sum, delivery) => sum + delivery.attempts, 0);
      assert.equal(shop.received.length, attempts);
    };
    const waitingJobs = () =>
      inRedis(async (client) => {
        const lists = ["wait", "active"].map((name) => `billing-guard:webhook-shop:${name}`);
        const lengths = await Promise.all(lists.map((list) => client.llen(list)));
        return lengths.reduce((sum, length) => sum + length, 0);
      });

    it("goes through Redis while it is there, and leaves nothing of what is over in it", async () => {
      const { queue, told } = start();
      const ids = await commit(20);
      queue.wake();
      await assertDelivered(ids);
      const completed = await inRedis((client) =>
        client.xrange("billing-guard:webhook-shop:events", "-", "+"),
      );
      const words = completed.flatMap(([, fields]) => fields);
      assert.equal(words.filter((word) => word === "completed").length, ids.length);
      await until(async () => (await waitingJobs()) === 0);
      const jobs = await inRedis((client) => client.keys("billing-guard:webhook-shop:evt_*"));
      assert.deepEqual(jobs, []);
      assert.ok(!told.words.includes("degraded"));
    });

    it("delivers everything without it, from the start and until it comes", async () => {
      await redis.stop();
      const { queue, told } = start();
      const ids = await commit(20);
      queue.wake();
      await assertDelivered(ids);
      assert.ok(told.words.includes("degraded"));
      await startAgain();
      await until(() => told.words.includes("recovered"));
      ids.push(...(await commit(20)));
      queue.wake();
      await assertDelivered(ids);
      assert.deepEqual(told.faults, []);
    });

    it("goes on when Redis is stopped under load and started again", async () => {
      const { queue, told } = start();
      const ids: EventId[] = [];
      const load = async (isEnough: () => boolean) => {
        do {
          ids.push(...(await commit(10)));
          queue.wake();
          await shop.until(({ length }) => length > ids.length / 2);
        } while (!isEnough());
      };
      await load(() => ids.length >= 50);
      await redis.kill();
      await load(() => told.words.includes("degraded"));
      await startAgain();
      await load(() => told.words.includes("recovered"));
      await assertDelivered(ids);
    });

    it("delivers what was queued when Redis forgets everything", async () => {
      // All that the lane can hold at once is stuck, so that the others wait in Redis.
      const held: (() => void)[] = [];
      shop.react((_message, answer) => {
        held.push(() => void answer.writeHead(204).end());
      });
      const { queue } = start({ concurrency: 4 });
      const ids = await commit(40);
      queue.wake();
      await until(async () => (await waitingJobs()) >= 40);
      await shop.until(({ length }) => length === 4);
      await inRedis((client) => client.flushall());
      assert.equal(await waitingJobs(), 0);
      shop.react(() => 204);
      for (const release of held) release();
      await assertDelivered(ids);
    });

    it("delivers what Redis keeps and never hands out, straight from the database", async () => {
      const { queue } = start({ straightAfterMs: 300 });
      await until(async () => (await inRedis((client) => client.keys("*:meta"))).length > 0);
      // As BullMQ pauses a queue: jobs come in and none goes out.
      await inRedis((client) => client.hset("billing-guard:webhook-shop:meta", "paused", "1"));
      const ids = await commit(10);
      queue.wake();
      await assertDelivered(ids);
    });

    it("goes on while Redis is full, says so once, and goes back to it when it has room", async () => {
      const { queue, told } = start();
      const ids = await commit(1);
      await assertDelivered(ids);
      const config = (memory: string) =>
        inRedis((client) => client.config("SET", "maxmemory", memory));
      await config("1");
      try {
        for (let batch = 0; batch < 5; batch++) {
          ids.push(...(await commit(4)));
          queue.wake();
          await assertDelivered(ids);
        }
        const changes = told.words.filter((word) => /degraded|recovered/.test(word));
        assert.deepEqual(changes, ["degraded"]);
      } finally {
        await config("256mb");
      }
      await until(async () => {
        ids.push(...(await commit(1)));
        queue.wake();
        await assertDelivered(ids);
        return told.words.includes("recovered");
      });
    });

    it("goes on while Redis hangs with its connections open, and can be closed meanwhile", async () => {
      const { queue, told } = start();
      await assertDelivered(await commit(1));
      redis.pause();
      try {
        const ids = [shop.received[0]!.id as EventId, ...(await commit(10))];
        queue.wake();
        await assertDelivered(ids);
        assert.ok(told.words.includes("degraded"));
        await queue.close();
        // One that begins now gets a connection, and no word over it.
        start();
        ids.push(...(await commit(10)));
        await assertDelivered(ids);
      } finally {
        redis.resume();
      }
    });

    it("can be closed while Redis is gone, whether it ever was there or not", async () => {
      const { queue } = start();
      await assertDelivered(await commit(1));
      await redis.stop();
      const other = start();
      await until(() => other.told.words.includes("degraded"));
      await queue.close();
      await other.queue.close();
      await startAgain();
    });
  });
}
