/**
 * BullMQ on Redis: carries due deliveries to whichever server has room for them, at once. It is only
 * the way: a job says which delivery to look at, the delivery's row says whether there is anything to
 * do, and Redis may forget everything at any time.
 */
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { EventId } from "../billing/event.ts";
import type { Lane } from "./lane.ts";

export interface TransportOptions {
  /** `redis://…`; the server should be set to `noeviction`, or it forgets jobs (which come again). */
  readonly url: string;
  /** What the queue's keys in Redis begin with. */
  readonly prefix: string;
  readonly lanes: readonly Lane[];
  /** Jobs at once for each lane. */
  readonly concurrency: number;
  /** How long a worker may be silent before its job goes to another. */
  readonly leaseMs: number;
  /** A job failed for a fault of ours. */
  readonly failed: (fault: unknown) => void;
}

export interface Transport {
  /** @throws what Redis says when it doesn't take jobs */
  check(): Promise<void>;
  /**
   * Hands deliveries to the workers of all servers; those that wait there already stay where they are.
   * @throws what Redis says; none, some or all were handed over
   */
  handOver(endpoint: string, eventIds: readonly EventId[]): Promise<void>;
  /** Takes no further jobs; those under way go on. */
  stopTaking(): Promise<void>;
  /** Call it when the jobs under way are over. */
  close(): Promise<void>;
}

/** Handing over is no work for Redis: what takes longer is a Redis that hangs. */
const COMMAND_TIMEOUT_MS = 2_000;
const CONNECT_TIMEOUT_MS = 2_000;
const RECONNECT_MAX_MS = 1_000;
/** After a fault of its connection a worker begins anew. */
const RUN_RETRY_MS = 1_000;
/** BullMQ notes what happens in a stream, which nobody reads here. */
const EVENTS_MAX = 100;
/** What the workers get to say goodbye to Redis, when all their jobs are over. */
const CLOSE_TIMEOUT_MS = 2_000;

interface Carriers {
  readonly queues: ReadonlyMap<string, Queue>;
  readonly workers: readonly Worker[];
}

/** Connects in the background; the first `check` waits until that has succeeded or failed. */
export function openTransport(options: TransportOptions): Transport {
  const producer = openProducer(options.url);
  const consumers = openConsumers(options.url);
  // Until the first connection is there or has failed, nobody can say that Redis is gone.
  const hasCome = new Promise<void>((resolve) => {
    for (const event of ["ready", "close"]) producer.once(event, () => resolve());
  });
  let carriers: Promise<Carriers> | undefined;

  const whenCarrying = (): Promise<Carriers> => {
    carriers ??= makeCarriers(options, producer, consumers.redis).catch((fault: unknown) => {
      carriers = undefined;
      throw fault;
    });
    return carriers;
  };

  const made = async () => (await carriers?.catch(() => undefined))?.workers ?? [];

  return {
    async check() {
      await inTime(hasCome, CONNECT_TIMEOUT_MS);
      // Without a connection BullMQ would wait for one, however long that takes.
      await producer.ping();
      await whenCarrying();
    },
    async handOver(endpoint, eventIds) {
      const { queues } = await whenCarrying();
      const jobs = eventIds.map((eventId) => ({
        name: "deliver",
        data: { eventId },
        opts: { jobId: eventId },
      }));
      await queues.get(endpoint)!.addBulk(jobs);
    },
    async stopTaking() {
      const pauses = (await made()).map((worker) => worker.pause(true));
      await Promise.all(pauses);
    },
    async close() {
      const isThere = await producer.ping().then(Boolean, () => false);
      // With Redis gone a worker would wait for it, and its jobs are over.
      const closed = (await made()).map((worker) => worker.close(!isThere));
      await inTime(Promise.allSettled(closed), CLOSE_TIMEOUT_MS);
      consumers.disconnect();
      producer.disconnect();
    },
  };
}

/** Waits for the work, and no longer than that. */
export async function inTime(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

/** Fails at once where Redis is away: the database knows another way. */
function openProducer(url: string): Redis {
  const redis = new Redis(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy,
  });
  // Connection errors are told by the commands that fail; without a listener ioredis prints them.
  redis.on("error", () => undefined);
  return redis;
}

/** Workers wait for a Redis that is away, each on a connection of its own that BullMQ makes from this one. */
export function openConsumers(url: string): { readonly redis: Redis; disconnect(): void } {
  const redis = new Redis(url, {
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: null,
    retryStrategy,
  });
  const connections = [redis];
  const duplicate = redis.duplicate.bind(redis);
  // BullMQ leaves them open when it is closed while Redis is away.
  redis.duplicate = (override) => {
    const other = duplicate(override);
    other.on("error", () => undefined);
    connections.push(other);
    return other;
  };
  redis.on("error", () => undefined);
  return { redis, disconnect: () => connections.forEach((connection) => connection.disconnect()) };
}

function retryStrategy(times: number): number {
  return Math.min(times * 100, RECONNECT_MAX_MS);
}

async function makeCarriers(
  { prefix, lanes, concurrency, leaseMs, failed }: TransportOptions,
  producer: Redis,
  consumer: Redis,
): Promise<Carriers> {
  const queues = new Map<string, Queue>();
  try {
    for (const { endpoint } of lanes) {
      const queue = makeQueue(endpoint.name, prefix, producer);
      queues.set(endpoint.name, queue);
      await queue.waitUntilReady();
    }
  } catch (fault) {
    await Promise.allSettled([...queues.values()].map((queue) => queue.close()));
    throw fault;
  }
  const workers = lanes.map((lane) => {
    const deliver = (job: { data: { eventId: EventId } }) => lane.deliver(job.data.eventId);
    const worker = new Worker(queueName(lane.endpoint.name), deliver, {
      connection: consumer,
      prefix,
      concurrency,
      lockDuration: leaseMs,
      stalledInterval: leaseMs / 2,
      runRetryDelay: RUN_RETRY_MS,
    });
    // Its connection's errors show in `check` as well.
    worker.on("error", () => undefined);
    worker.on("failed", (_job, fault) => failed(fault));
    return worker;
  });
  return { queues, workers };
}

function makeQueue(endpoint: string, prefix: string, producer: Redis): Queue {
  const queue = new Queue(queueName(endpoint), {
    connection: producer,
    // It was there a moment ago: where it isn't any more, this fails at once.
    skipWaitingForReady: true,
    prefix,
    // A job that is over leaves no trace, so that its delivery can be handed over again.
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    streams: { events: { maxLen: EVENTS_MAX } },
  });
  queue.on("error", () => undefined);
  return queue;
}

function queueName(endpoint: string): string {
  return `webhook-${endpoint}`;
}
