/** What the queue tells about itself. No call throws and none waits. */
import type { EventId } from "../billing/event.ts";
import type { QueueLook } from "../store/delivery.ts";

export interface QueueObserver {
  /** Events were published; each makes out as many deliveries as endpoints want it. */
  published(events: number): void;
  /** A receiver has confirmed a message after so many attempts, the last of which took so long. */
  delivered(endpoint: string, attempts: number, tookMs: number): void;
  /** An attempt failed and another one follows. */
  retried(failure: FailedAttempt, delayMs: number): void;
  /** A delivery was given up: somebody has to look after it. */
  died(failure: FailedAttempt): void;
  /** Redis stopped taking jobs (true), so that MySQL alone drives the queue, or takes them again. */
  degraded(isDegraded: boolean, fault?: unknown): void;
  /** How the queue stands, every quarter of a minute; `strangers` are owed something and unknown. */
  looked(look: QueueLook, strangers: readonly string[]): void;
  /** Something failed that is tried again by itself. */
  failed(fault: unknown): void;
}

export interface FailedAttempt {
  readonly eventId: EventId;
  readonly type: string;
  readonly endpoint: string;
  readonly attempts: number;
  /** Why, without a secret or an address in it. */
  readonly error: string;
}
