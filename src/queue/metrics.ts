/** Turns what the queue tells into metrics and log lines. */
import type { Meter } from "@opentelemetry/api";
import type { Log } from "../telemetry/observer.ts";
import { createThrottle } from "../telemetry/store-observers.ts";
import type { QueueLook } from "../store/delivery.ts";
import type { QueueObserver } from "./observer.ts";

/** From a receiver next door to one that takes all of its time. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];
const MS_PER_SECOND = 1_000;

export function observeQueue(meter: Meter, log: Log): QueueObserver {
  const published = meter.createCounter("billing.queue.published", {
    description: "Events whose deliveries were made out",
  });
  const attempts = meter.createCounter("billing.queue.attempts", {
    description: "Attempts to deliver, by endpoint and outcome: DELIVERED, RETRIED or DEAD",
  });
  const duration = meter.createHistogram("billing.queue.delivery.duration.seconds", {
    unit: "seconds",
    description: "Requests that their receivers confirmed, by endpoint",
    advice: { explicitBucketBoundaries: SECONDS },
  });
  const faults = meter.createCounter("billing.queue.faults", {
    description: "Rounds and deliveries that failed for a fault of ours and are tried again",
  });
  const standing = observeStanding(meter);
  // A dead endpoint fails for each of its messages, a database that is away for each round.
  const seldom = createThrottle();
  let strangersTold = "";
  return {
    published: (events) => published.add(events),
    delivered(endpoint, _attempts, tookMs) {
      attempts.add(1, { endpoint, outcome: "DELIVERED" });
      duration.record(tookMs / MS_PER_SECOND, { endpoint });
    },
    retried(failure, delayMs) {
      attempts.add(1, { endpoint: failure.endpoint, outcome: "RETRIED" });
      seldom(`retried ${failure.endpoint}`, (left) =>
        log.warn({ ...failure, delayMs, ...left }, "a webhook wasn't delivered; it is tried again"),
      );
    },
    died(failure) {
      attempts.add(1, { endpoint: failure.endpoint, outcome: "DEAD" });
      seldom(`died ${failure.endpoint}`, (left) =>
        log.error({ ...failure, ...left }, "a webhook was given up; bin/queue.ts replays it"),
      );
    },
    degraded(isDegraded, fault) {
      standing.degraded = isDegraded ? 1 : 0;
      if (isDegraded) log.warn({ err: fault }, "redis takes no jobs; MySQL alone drives the queue");
      else log.info({}, "redis takes jobs again");
    },
    looked(look, strangers) {
      standing.look = look;
      const names = strangers.join(", ");
      if (names !== strangersTold && names !== "") {
        log.warn({ strangers }, "something is owed to endpoints that aren't configured");
      }
      strangersTold = names;
    },
    failed(fault) {
      faults.add(1);
      seldom("failed", (left) =>
        log.error({ err: fault, ...left }, "the queue met a fault; it is tried again"),
      );
    },
  };
}

/** Gauges: what was last seen, read at each scrape. */
function observeStanding(meter: Meter): { degraded: number; look: QueueLook | undefined } {
  const standing = { degraded: 0, look: undefined as QueueLook | undefined };
  const gauge = (name: string, description: string, value: () => number | undefined) => {
    meter.createObservableGauge(name, { description }).addCallback((result) => {
      const current = value();
      if (current !== undefined) result.observe(current);
    });
  };
  gauge(
    "billing.queue.degraded",
    "1 while Redis takes no jobs and MySQL alone drives the queue",
    () => standing.degraded,
  );
  gauge(
    "billing.queue.dead",
    "Deliveries that were given up and wait for an operator",
    () => standing.look?.dead,
  );
  gauge(
    "billing.queue.publish.lag.seconds",
    "How long the oldest event waits that isn't published yet",
    () => standing.look && standing.look.publishLagMs / MS_PER_SECOND,
  );
  return standing;
}
