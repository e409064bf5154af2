/** Turns what reviews tell into metrics. */
import type { Meter } from "@opentelemetry/api";
import type { RunningReviewer } from "../reviews.ts";

/** From one small file to the limit of a review. */
const SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const MS_PER_SECOND = 1_000;

export interface ReviewObserver {
  /** A review was made; one that is kept already is none. */
  made(kind: string, verdict: string, durationMs: number): void;
  /** Reads how many run and wait from now on. */
  watch(turns: RunningReviewer["turns"]): void;
}

export function observeReviews(meter: Meter): ReviewObserver {
  const duration = meter.createHistogram("billing.review.duration.seconds", {
    unit: "seconds",
    description: "Reviews that were made, their waiting included, by kind and verdict",
    advice: { explicitBucketBoundaries: SECONDS },
  });
  const waiting = meter.createObservableGauge("billing.review.waiting", {
    description: "Reviews that wait for their turn",
  });
  return {
    made: (kind, verdict, durationMs) =>
      duration.record(durationMs / MS_PER_SECOND, { kind, verdict }),
    watch: (turns) => waiting.addCallback((result) => result.observe(turns.waiting)),
  };
}
