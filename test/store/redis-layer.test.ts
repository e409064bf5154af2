import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { ReservationId, UserId } from "../../src/billing/id.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import type { UseCase } from "../../src/billing/quota/desk.ts";
import { extendReservation } from "../../src/billing/quota/extend-reservation.ts";
import { refundQuota } from "../../src/billing/quota/refund-quota.ts";
import { reserveQuota } from "../../src/billing/quota/reserve-quota.ts";
import type { Outcome, Ticket } from "../../src/billing/quota/serve.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { startLocalRedis, type LocalRedis } from "../../src/local/redis.ts";
import { openRedisLayer, type RedisLayer } from "../../src/store/redis-layer.ts";
import type { BatchResult } from "../../src/store/teller.ts";
import { command, unique } from "../support/bank.ts";
import { freshDirectory, sharedRedis } from "../support/servers.ts";

const FLOOD_MAX = 10;
/** The longest life of a lock whose owner has died; the layer's own number. */
const LOCK_TTL_MS = 5_000;

/** What a layer has told, in order: `degraded`, `recovered`, `flooded 5`, `contended`. */
interface Told {
  readonly layer: RedisLayer;
  readonly told: string[];
}

function open(url: string): Told {
  const told: string[] = [];
  const layer = openRedisLayer({
    url,
    floodMaxPerSecond: FLOOD_MAX,
    observer: {
      degraded: (isDegraded) => void told.push(isDegraded ? "degraded" : "recovered"),
      flooded: (count) => void told.push(`flooded ${count}`),
      contended: () => void told.push("contended"),
    },
  });
  return { layer, told };
}

/** A ticket of a use case; what stands in it besides the user is no matter of this layer. */
function ticket<Input, Answer>(useCase: UseCase<Input, Answer>, userId: string): Ticket {
  const reservationId = "rsv" as ReservationId;
  const input = { userId, reservationId, target: { reservationId }, ttlMs: 1_000, labels: {} };
  return {
    useCase,
    command: command<unknown>(input),
    userId: userId as UserId,
  };
}

const reserves = (userId: string, count: number): Ticket[] =>
  Array.from({ length: count }, () => ticket(reserveQuota, userId));

/** Serves all: each answer is the ticket itself. */
const serveAll = (tickets: readonly Ticket[]): Promise<BatchResult[]> =>
  Promise.resolve(tickets.map((answer): Outcome => ({ answer, replayed: false })));

/** Every ticket has its own result, in order, or was refused at the gate. */
function assertServed(tickets: readonly Ticket[], results: readonly BatchResult[]): void {
  assert.equal(results.length, tickets.length);
  results.forEach((result, at) => {
    if (result && "answer" in result) assert.equal(result.answer, tickets[at]);
    else assert.ok(isFlooded(result));
  });
}

function isFlooded(result: BatchResult): boolean {
  if (result === undefined || !("refusal" in result)) return false;
  const { reason, retryAfterMs } = result.refusal;
  return result.refusal instanceof Refusal && reason === "FLOOD_LIMITED" && retryAfterMs! > 0;
}

/** Where servers say that they are there, and one that does so for ever: next to it nobody is alone. */
const SERVERS = "billing-guard:servers";
const NEIGHBOUR = "a neighbour";
const FAR = 1e15;

const lockOf = (userId: string) => `billing-guard:lock:${userId}`;

describe("the second layer in Redis", () => {
  let redis: Redis;
  let url: string;
  const layers: RedisLayer[] = [];
  /** A layer that has come to its Redis: its locks stand there. */
  const connected = async (): Promise<Told> => {
    const told = open(url);
    layers.push(told.layer);
    for (;;) {
      const userId = unique("user");
      const tickets = reserves(userId, 1);
      const locks: number[] = [];
      const results = await told.layer.around(tickets, async (admitted) => {
        locks.push(await redis.exists(lockOf(userId)));
        return serveAll(admitted);
      });
      assertServed(tickets, results);
      if (locks.includes(1)) return told;
    }
  };
  before(async () => {
    ({ url } = await sharedRedis());
    redis = new Redis(url);
  });
  beforeEach(() => redis.zadd(SERVERS, FAR, NEIGHBOUR));
  afterEach(async () => {
    await Promise.all(layers.splice(0).map((layer) => layer.close()));
  });
  after(() => redis.disconnect());

  it("raises no alarm about a Redis that it is only just connecting to", async () => {
    const { told } = await connected();
    assert.deepEqual(told, []);
  });

  it("lets a second server at a user after the first, or after saying that they contend", async () => {
    const [here, there] = [await connected(), await connected()];
    for (let round = 0; round < 30; round++) {
      const userId = unique("user");
      const events: string[] = [];
      there.told.length = 0;
      const began = Promise.withResolvers<void>();
      const first = here.layer.around(reserves(userId, 1), async (tickets) => {
        began.resolve();
        await sleep(round % 3 === 0 ? 80 : round % 10);
        events.push("first ended");
        return serveAll(tickets);
      });
      await began.promise;
      const second = there.layer.around(reserves(userId, 1), (tickets) => {
        events.push("second began", ...there.told);
        return serveAll(tickets);
      });
      await Promise.all([first, second]);
      assert.ok(events[0] === "first ended" || there.told.includes("contended"), events.join(", "));
    }
  });

  it("locks each user of a batch during its work, with an end, and frees all of them", async () => {
    const { layer } = await connected();
    const users = [unique("user"), unique("user"), unique("user")];
    const tickets = users.flatMap((userId) => reserves(userId, 2));
    await layer.around(tickets, async (admitted) => {
      for (const userId of users) {
        const ttlMs = await redis.pttl(lockOf(userId));
        assert.ok(ttlMs > 0 && ttlMs <= LOCK_TTL_MS, `${ttlMs} ms`);
      }
      return serveAll(admitted);
    });
    // Freeing isn't waited for by the answers, but it's on the same connection as what comes next.
    await layer.around(reserves(unique("user"), 1), serveAll);
    assert.equal(await redis.exists(...users.map(lockOf)), 0);
  });

  it("takes no locks once it knows that it is alone, and takes them when another server comes", async () => {
    const { layer } = await connected();
    const isLocked = async (): Promise<boolean> => {
      const userId = unique("user");
      let locks = 0;
      await layer.around(reserves(userId, 1), async (admitted) => {
        locks = await redis.exists(lockOf(userId));
        return serveAll(admitted);
      });
      return locks > 0;
    };
    const until = async (locked: boolean): Promise<void> => {
      while ((await isLocked()) !== locked) await sleep(20);
    };
    await redis.zrem(SERVERS, NEIGHBOUR);
    await until(false);
    const other = open(url).layer;
    await until(true);
    // It says no more that it's there, and is forgotten.
    await other.close();
    await until(false);
  });

  it("frees a lock also when the work fails", async () => {
    const { layer } = await connected();
    const userId = unique("user");
    const fault = new Error("no work");
    await assert.rejects(layer.around(reserves(userId, 1), () => Promise.reject(fault)), fault);
    await layer.around(reserves(unique("user"), 1), serveAll);
    assert.equal(await redis.exists(lockOf(userId)), 0);
  });

  it("leaves a lock alone that has become somebody else's meanwhile", async () => {
    const { layer } = await connected();
    const userId = unique("user");
    await layer.around(reserves(userId, 1), async (tickets) => {
      await redis.set(lockOf(userId), "somebody else", "PX", LOCK_TTL_MS);
      return serveAll(tickets);
    });
    await layer.around(reserves(unique("user"), 1), serveAll);
    assert.equal(await redis.get(lockOf(userId)), "somebody else");
  });

  it("turns a user's reservations beyond the maximum away, over all servers", async () => {
    const [here, there] = [await connected(), await connected()];
    const userId = unique("user");
    const other = unique("user");
    // One after the other within the window: a run that was held up begins again with another user.
    const tickets = [...reserves(userId, 8), ...reserves(other, 4)];
    const more = reserves(userId, 9);
    const first = await here.layer.around(tickets, serveAll);
    const second = await there.layer.around(more, serveAll);
    assertServed(tickets, first);
    assertServed(more, second);
    assert.equal(first.filter(isFlooded).length, 0);
    const ttlMs = await redis.pttl(`billing-guard:flood:${userId}`);
    if (ttlMs < 0) return;
    assert.equal(second.filter(isFlooded).length, 8 + 9 - FLOOD_MAX);
    assert.deepEqual(there.told, [`flooded ${8 + 9 - FLOOD_MAX}`]);
  });

  it("never turns a commit, a refund or an extension away", async () => {
    const { layer } = await connected();
    const userId = unique("user");
    const settling = [commitQuota, refundQuota, extendReservation].flatMap((useCase) =>
      Array.from({ length: 3 * FLOOD_MAX }, () =>
        ticket(useCase as UseCase<unknown, unknown>, userId),
      ),
    );
    const inOrder = [...reserves(userId, 3 * FLOOD_MAX), ...settling];
    const tickets = inOrder.toSorted(() => Math.random() - 0.5);
    const results = await layer.around(tickets, serveAll);
    assertServed(tickets, results);
    results.forEach((result, at) => {
      if (isFlooded(result)) assert.equal(tickets[at]!.useCase.method, "ReserveQuota");
    });
    assert.equal(results.filter(isFlooded).length, 2 * FLOOD_MAX);
  });

  it("answers all the same when everything in Redis vanishes while it works", async () => {
    const { layer, told } = await connected();
    const userId = unique("user");
    const tickets = reserves(userId, 3);
    const results = await layer.around(tickets, async (admitted) => {
      await redis.del(lockOf(userId));
      return serveAll(admitted);
    });
    assertServed(tickets, results);
    await layer.around(tickets, serveAll);
    assert.deepEqual(told, []);
  });
});

describe("the second layer without its Redis", () => {
  let server: LocalRedis;
  let subject: Told;
  before(async () => {
    server = await startLocalRedis({ dataDir: `${await freshDirectory()}/redis` });
  });
  beforeEach(async () => {
    subject = open(server.url);
    // Nothing was told yet: that it isn't connected shows in nothing but the missing locks.
    await serve();
  });
  afterEach(() => subject.layer.close());
  after(() => server.kill());

  /** One batch of many reservations of one user: it needs the gate and the locks. */
  const serve = async (): Promise<void> => {
    const tickets = reserves(unique("user"), FLOOD_MAX);
    const results = await subject.layer.around(tickets, serveAll);
    assertServed(tickets, results);
    assert.equal(results.filter(isFlooded).length, 0);
  };
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await sleep(10);
  };
  /** Serves until the layer has said this for the first time, and for some batches more. */
  const serveUntilTold = async (word: string): Promise<void> => {
    await until(async () => {
      await serve();
      return subject.told.includes(word);
    });
    for (let batch = 0; batch < 20; batch++) await serve();
  };

  it("answers while Redis is gone, and says once that it went and once that it is back", async () => {
    const { port, dataDir } = server;
    await server.kill();
    await serveUntilTold("degraded");
    await Promise.all(Array.from({ length: 20 }, serve));
    assert.deepEqual(subject.told, ["degraded"]);
    server = await startLocalRedis({ dataDir, port });
    await serveUntilTold("recovered");
    assert.deepEqual(subject.told, ["degraded", "recovered"]);
  });

  it("answers while Redis hangs, and says once that it does and once that it is back", async () => {
    server.pause();
    try {
      await serveUntilTold("degraded");
      await Promise.all(Array.from({ length: 20 }, serve));
      assert.deepEqual(subject.told, ["degraded"]);
    } finally {
      server.resume();
    }
    await serveUntilTold("recovered");
    assert.deepEqual(subject.told, ["degraded", "recovered"]);
  });

  it("answers at once when there is no Redis from the beginning", async () => {
    const { layer, told } = open("redis://127.0.0.1:1/");
    try {
      const serveOnce = async (): Promise<void> => {
        const tickets = reserves(unique("user"), FLOOD_MAX);
        assertServed(tickets, await layer.around(tickets, serveAll));
      };
      await until(async () => {
        await serveOnce();
        return told.length > 0;
      });
      for (let batch = 0; batch < 20; batch++) await serveOnce();
      assert.deepEqual(told, ["degraded"]);
    } finally {
      await layer.close();
    }
  });
});
