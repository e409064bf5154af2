/** The database away: the queue stands still, loses nothing, and goes on by itself. */
import assert from "node:assert/strict";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { startQueue, type RunningQueue } from "../../src/queue/queue.ts";
import { endpoint, listen, newEvent, openQueueWorld, QUICK, until, type QueueWorld } from "../support/queue.ts";
import { startReceiver, type Receiver } from "../support/receiver.ts";
import { flavours, sharedRedis } from "../support/servers.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

/** Of rounds: more than pass while one attempt gives up. */
const FAULTS = 8;
/** Short: what was in hand when the database went comes back after it. */
const LEASES = { ...QUICK, requestTimeoutMs: 1_500, leaseMs: 2_000 };

for (const flavour of flavours()) {
  describe(`the queue on ${flavour} that loses its database`, () => {
    let world: QueueWorld;
    let shop: Receiver;
    let proxy: TcpProxy;
    let queue: RunningQueue;
    const told = listen();
    let close: () => Promise<void>;
    before(async () => {
      world = await openQueueWorld(flavour);
      shop = await startReceiver();
      const url = new URL(world.url);
      proxy = await startTcpProxy(Number(url.port));
      url.port = proxy.address.split(":")[1]!;
      const orm = await openOrm({ url: url.href, poolMax: 8 });
      const redis = { url: (await sharedRedis()).url, prefix: "queue-database" };
      const endpoints = [endpoint(shop.url)];
      queue = startQueue({ orm, redis, endpoints, observer: told, limits: LEASES });
      close = async () => {
        await queue.close();
        await closeOrm(orm);
      };
    });
    afterEach(() => proxy.unblock());
    after(async () => {
      await close();
      await proxy.stop();
      await shop.close();
      await world.close();
    });

    it("tells so, and delivers what was committed meanwhile as soon as it is back", async () => {
      proxy.block();
      const ids = await world.commit(newEvent(), newEvent());
      queue.wake();
      await until(() => told.faults.length > 0);
      assert.equal(shop.received.length, 0);
      proxy.unblock();
      await world.untilEnded(ids.length);
      assert.deepEqual(shop.received.map(({ id }) => id).sort(), [...ids].sort());
    });

    it("sends again what it couldn't write down", async () => {
      shop.react(({ time }) => {
        if (time === 1) proxy.block();
        return 204;
      });
      const [eventId] = await world.commit(newEvent());
      queue.wake();
      await shop.until((received) => received.some(({ id }) => id === eventId));
      const failures = told.faults.length;
      // Rounds and the attempt that was under way give up, each in its own time.
      await until(() => told.faults.length > failures + FAULTS);
      proxy.unblock();
      await world.untilEnded(3);
      const [delivery] = await world.deliveries(eventId);
      assert.equal(delivery!.state, "DELIVERED");
      // Once more, unless the machine was so slow that the first attempt could still be written down.
      const times = shop.received.filter(({ id }) => id === eventId).length;
      assert.equal(times, delivery!.attempts);
      assert.ok(times <= 2);
    });
  });
}
