/**
 * The message queue: events that others have committed to the outbox are published, and their messages
 * delivered to the endpoints as signed webhooks, each at least once. The database is the truth and enough by
 * itself; Redis makes it quick and spreads the work over the servers.
 */
import type { MikroORM } from "@mikro-orm/mysql";
import type { EventId } from "../billing/event.ts";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../billing/clock.ts";
import { assert } from "../billing/refusal.ts";
import { dueDeliveries, lookAtQueue } from "../store/delivery.ts";
import { publishEvents } from "../store/outbox.ts";
import { wants, type Endpoint } from "./endpoints.ts";
import { Lane } from "./lane.ts";
import type { QueueObserver } from "./observer.ts";
import { RETRY_SCHEDULE_MS } from "./schedule.ts";
import { openTransport, type Transport } from "./transport.ts";
import { Waker } from "./waker.ts";

export interface QueueOptions {
  readonly orm: MikroORM;
  /** Undefined: MySQL alone drives the queue, which is slower by a poll and misses nothing. */
  readonly redis?: { readonly url: string; readonly prefix?: string } | undefined;
  /** May be none: events are then published to nobody. */
  readonly endpoints: readonly Endpoint[];
  readonly observer: QueueObserver;
  readonly limits?: Partial<QueueLimits>;
}

export interface QueueLimits {
  /** How often the database is asked for what nobody has woken us for. */
  readonly pollIntervalMs: number;
  /** Requests to one endpoint at once, from this server. */
  readonly concurrency: number;
  /** What a receiver gets to answer. */
  readonly requestTimeoutMs: number;
  /** How long a delivery belongs to the server that has it in hand; longer than a request may take. */
  readonly leaseMs: number;
  readonly retryScheduleMs: readonly number[];
  /** A delivery so long overdue doesn't wait for Redis any longer. */
  readonly straightAfterMs: number;
  /** What requests under way get to end when the queue is closed. */
  readonly closeGraceMs: number;
}

export const QUEUE_LIMITS: QueueLimits = {
  pollIntervalMs: SECOND_MS,
  concurrency: 8,
  requestTimeoutMs: 15 * SECOND_MS,
  leaseMs: MINUTE_MS,
  retryScheduleMs: RETRY_SCHEDULE_MS,
  straightAfterMs: 2 * MINUTE_MS,
  closeGraceMs: 5 * SECOND_MS,
};

/** Events published in one transaction, and deliveries handed over in one command. */
const BATCH = 256;
/** Commits come by the thousand in a second: one round of the relay serves all of this time. */
const RELAY_PAUSE_MS = 20;
const LOOK_INTERVAL_MS = 15 * SECOND_MS;
const DEFAULT_PREFIX = "billing-guard";

export interface RunningQueue {
  /** Call it after a commit with events: they needn't wait for the next poll. */
  wake(): void;
  /** Takes nothing new, ends or hands back what is under way, and lets go of Redis. */
  close(): Promise<void>;
}

/** Starts publishing and delivering. */
export function startQueue(options: QueueOptions): RunningQueue {
  const limits = { ...QUEUE_LIMITS, ...options.limits };
  assert(limits.leaseMs > limits.requestTimeoutMs, "a lease outlives its request");
  assert(limits.retryScheduleMs.every((ms) => ms <= HOUR_MS * 24 * 7), "a retry comes within a week");
  const { orm, endpoints, observer } = options;
  const lanes = endpoints.map((endpoint) => new Lane({ orm, endpoint, observer, ...limits }));
  const prefix = options.redis?.prefix ?? DEFAULT_PREFIX;
  const failed = (fault: unknown) => observer.failed(fault);
  const { url } = options.redis ?? {};
  const isCarried = url !== undefined && lanes.length > 0;
  const transport = isCarried ? openTransport({ ...limits, url, prefix, lanes, failed }) : undefined;
  const waker = new Waker();
  const rounds = new Rounds(options, limits, lanes, transport);

  const loop = (async () => {
    while (!waker.isOver) {
      await rounds.run();
      await waker.wait(RELAY_PAUSE_MS, limits.pollIntervalMs);
    }
  })();

  return {
    wake: () => waker.wake(),
    async close() {
      waker.end();
      rounds.stop();
      await loop;
      await transport?.stopTaking();
      await Promise.all(lanes.map((lane) => lane.stop(limits.closeGraceMs)));
      await transport?.close();
    },
  };
}

class Rounds {
  readonly #options: QueueOptions;
  readonly #limits: QueueLimits;
  readonly #lanes: readonly Lane[];
  readonly #transport: Transport | undefined;
  /** True while Redis takes what is handed over. */
  #isCarrying = false;
  /** What failed when Redis stopped carrying; a Redis that is full answers, and takes nothing. */
  #degradedBy: "check" | "handOver" | undefined;
  #isStopping = false;
  #nextScanMs = 0;
  #nextLookMs = 0;

  constructor(
    options: QueueOptions,
    limits: QueueLimits,
    lanes: readonly Lane[],
    transport: Transport | undefined,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#lanes = lanes;
    this.#transport = transport;
  }

  /** Ends the round under way soon. */
  stop(): void {
    this.#isStopping = true;
  }

  /** One round; what fails is told and tried again by the next one. */
  async run(): Promise<void> {
    const { observer } = this.#options;
    try {
      const nowMs = performance.now();
      const isScan = nowMs >= this.#nextScanMs;
      if (isScan) {
        this.#nextScanMs = nowMs + this.#limits.pollIntervalMs;
        await this.#carry("check", (transport) => transport.check());
      }
      await this.#publish();
      if (isScan) await Promise.all(this.#lanes.map((lane) => this.#scan(lane)));
      if (nowMs >= this.#nextLookMs) {
        this.#nextLookMs = nowMs + LOOK_INTERVAL_MS;
        await this.#look();
      }
    } catch (fault) {
      observer.failed(fault);
    }
  }

  /** Publishes all that waits, and passes it on at once. */
  async #publish(): Promise<void> {
    const { orm, endpoints, observer } = this.#options;
    const subscribers = (type: string) =>
      endpoints.filter((endpoint) => wants(endpoint, type)).map(({ name }) => name);
    for (let mayBeMore = true; mayBeMore && !this.#isStopping; ) {
      const batch = await publishEvents(orm, subscribers, BATCH);
      ({ mayBeMore } = batch);
      if (batch.published > 0) observer.published(batch.published);
      for (const lane of this.#lanes) {
        const owed = batch.owed.get(lane.endpoint.name);
        if (owed !== undefined) await this.#passOn(lane, owed);
      }
    }
  }

  /** Passes on what is due of old: retries, what Redis has lost, what a dead server had in hand. */
  async #scan(lane: Lane): Promise<void> {
    const { orm } = this.#options;
    if (!this.#isCarrying) return lane.startDue(0);
    const due = await dueDeliveries(orm, lane.endpoint.name, { limit: BATCH });
    if (due.length > 0) await this.#passOn(lane, due);
    await lane.startDue(this.#limits.straightAfterMs);
  }

  async #passOn(lane: Lane, eventIds: readonly EventId[]): Promise<void> {
    const { name } = lane.endpoint;
    if (this.#isCarrying) {
      await this.#carry("handOver", (transport) => transport.handOver(name, eventIds));
    }
    if (!this.#isCarrying) await lane.startDue(0);
  }

  /** Uses the transport, and finds out whether it carries. */
  async #carry(
    step: "check" | "handOver",
    use: (transport: Transport) => Promise<void>,
  ): Promise<void> {
    if (this.#transport === undefined) return;
    const { observer } = this.#options;
    try {
      await use(this.#transport);
      this.#isCarrying = true;
      if (this.#degradedBy === undefined || (this.#degradedBy === "handOver" && step === "check")) return;
      this.#degradedBy = undefined;
      observer.degraded(false);
    } catch (fault) {
      this.#isCarrying = false;
      if (this.#degradedBy === undefined) observer.degraded(true, fault);
      this.#degradedBy = step;
    }
  }

  async #look(): Promise<void> {
    const { orm, endpoints, observer } = this.#options;
    const look = await lookAtQueue(orm);
    const known = new Set(endpoints.map(({ name }) => name));
    observer.looked(
      look,
      look.owedTo.filter((name) => !known.has(name)),
    );
  }
}
