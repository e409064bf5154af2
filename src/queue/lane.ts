/**
 * The lane of one endpoint: its deliveries, a bounded number at once, whoever asks for them. Endpoints
 * share nothing, so that a slow one holds up only itself.
 */
import type { MikroORM } from "@mikro-orm/mysql";
import type { EventId } from "../billing/event.ts";
import { claimDelivery, dueDeliveries, endAttempt, type AttemptEnd } from "../store/delivery.ts";
import type { Claim } from "../store/delivery-rows.ts";
import type { Endpoint } from "./endpoints.ts";
import type { QueueObserver } from "./observer.ts";
import { pauseAfter } from "./schedule.ts";
import { Slots } from "./slots.ts";
import { sendToRobot } from "./robot.ts";
import { sendWebhook, type Answer } from "./webhook.ts";

export interface LaneOptions {
  readonly orm: MikroORM;
  readonly endpoint: Endpoint;
  readonly observer: QueueObserver;
  /** Requests at once. */
  readonly concurrency: number;
  readonly requestTimeoutMs: number;
  /** How long a delivery in hand is nobody else's; longer than a request may take. */
  readonly leaseMs: number;
  readonly retryScheduleMs: readonly number[];
}

/** What is read of the due ones at a time. */
const DUE_BATCH = 64;

export class Lane {
  readonly endpoint: Endpoint;
  readonly #options: LaneOptions;
  readonly #slots: Slots;
  readonly #breakOff = new AbortController();
  readonly #runners = new Set<Promise<void>>();
  /** Due ones that were read and that no runner has taken yet. */
  readonly #waiting: EventId[] = [];
  #refilling: Promise<void> | undefined;
  #starting: Promise<void> | undefined;
  #isStopping = false;

  constructor(options: LaneOptions) {
    this.endpoint = options.endpoint;
    this.#options = options;
    this.#slots = new Slots(options.concurrency);
  }

  /**
   * Tries a delivery once, if it is due and nobody else has it.
   * @throws what the database says; the delivery is tried again when its lease is over
   */
  deliver(eventId: EventId): Promise<void> {
    return this.#slots.run(async () => {
      if (this.#isStopping) return;
      const { orm, leaseMs } = this.#options;
      const claim = await claimDelivery(orm, eventId, this.endpoint.name, leaseMs);
      if (claim !== undefined) await this.#attempt(claim);
    });
  }

  /**
   * Starts to deliver what is due since `overdueMs`, straight from the database, and goes on while there is
   * something. It returns when that has begun.
   * @throws what the database says
   */
  async startDue(overdueMs: number): Promise<void> {
    this.#starting ??= this.#start(overdueMs).finally(() => (this.#starting = undefined));
    await this.#starting;
  }

  /**
   * Takes nothing new, lets what is under way end within `graceMs`, breaks off what doesn't, and hands
   * it back.
   */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true;
    const impatience = setTimeout(() => this.#breakOff.abort(), graceMs);
    await Promise.all(this.#runners);
    await this.#slots.whenIdle();
    clearTimeout(impatience);
  }

  /** Brings the runners to their number, as far as there is work for them. */
  async #start(overdueMs: number): Promise<void> {
    const missing = this.#options.concurrency - this.#runners.size;
    if (missing <= 0 || this.#isStopping) return;
    if (this.#waiting.length === 0) await this.#refill(overdueMs);
    const count = Math.min(missing, this.#waiting.length);
    for (let at = 0; at < count; at++) {
      // A fault ends the runner; the next round begins anew.
      const running = this.#run(overdueMs)
        .catch((fault: unknown) => this.#options.observer.failed(fault))
        .finally(() => this.#runners.delete(running));
      this.#runners.add(running);
    }
  }

  async #run(overdueMs: number): Promise<void> {
    for (;;) {
      if (this.#waiting.length === 0) await this.#refill(overdueMs);
      const eventId = this.#isStopping ? undefined : this.#waiting.shift();
      if (eventId === undefined) return;
      await this.deliver(eventId);
    }
  }

  /** One asks for all. What others have in hand may come again; claiming it then fails. */
  async #refill(overdueMs: number): Promise<void> {
    const { orm } = this.#options;
    this.#refilling ??= dueDeliveries(orm, this.endpoint.name, { limit: DUE_BATCH, overdueMs })
      .then((due) => void this.#waiting.push(...due))
      .finally(() => (this.#refilling = undefined));
    await this.#refilling;
  }

  async #attempt(claim: Claim): Promise<void> {
    const { orm, requestTimeoutMs, observer } = this.#options;
    const startedMs = performance.now();
    const signal = this.#breakOff.signal;
    const { url, secrets, robot } = this.endpoint;
    const options = { timeoutMs: requestTimeoutMs, signal };
    const answer =
      robot === undefined
        ? await sendWebhook({ url, secrets }, claim.event, options)
        : await sendToRobot({ url, robot }, claim.event, options);
    const end = this.#endOf(claim, answer);
    await endAttempt(orm, claim, end);
    const { eventId, type } = claim.event;
    const attempt = { eventId, type, endpoint: this.endpoint.name, attempts: claim.attempts };
    if (end.kind === "DELIVERED") {
      observer.delivered(attempt.endpoint, claim.attempts, performance.now() - startedMs);
    } else if (end.kind === "AGAIN") {
      observer.retried({ ...attempt, error: end.error }, end.delayMs);
    } else if (end.kind === "DEAD") {
      observer.died({ ...attempt, error: end.error });
    }
  }

  #endOf({ attempts }: Claim, answer: Answer): AttemptEnd {
    if (answer.kind === "BROKEN_OFF") return { kind: "HANDED_BACK" };
    if (answer.kind === "CONFIRMED") return { ...answer, kind: "DELIVERED" };
    const { status, error, isFinal, retryAfterMs } = answer;
    const pauseMs = pauseAfter(this.#options.retryScheduleMs, attempts, Math.random());
    if (isFinal || pauseMs === undefined) return { kind: "DEAD", status, error };
    return { kind: "AGAIN", status, error, delayMs: Math.max(pauseMs, retryAfterMs) };
  }
}
