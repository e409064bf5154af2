/**
 * Looks at the rules of alerts every `intervalMs`, on one of any number of servers; the others only look what came
 * of it. Whoever does it and dies is followed by another.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { AlertChanges } from "../billing/alert/check-alerts.ts";
import { MINUTE_MS, SECOND_MS } from "../billing/clock.ts";
import type { AlertChecks, OpenAlerts } from "../store/alert-checks.ts";
import type { AlertFactsSource } from "../store/alert-facts.ts";
import type { JobTurns } from "../store/job-turns.ts";

/** Longer than a look takes; whoever took longer writes nothing, since another may look by then. */
export const ALERT_LEASE_MS = 5 * MINUTE_MS;
/** How often a server asks whose turn it is. */
const LOOK_MS = 30 * SECOND_MS;

export interface AlertCheckerOptions {
  readonly turns: Pick<JobTurns, "take" | "release">;
  readonly facts: AlertFactsSource;
  readonly checks: AlertChecks;
  /** From the end of a look to the begin of the next. */
  readonly intervalMs: number;
  readonly observer: AlertObserver;
}

/** Hears of looks. No call throws and none waits. */
export interface AlertObserver {
  /** This server has looked. */
  looked(changes: AlertChanges, tookMs: number): void;
  /** What stands open, whoever saw it; it's said again and again. */
  known(open: OpenAlerts): void;
  /** A look could not be done; it's tried again. */
  failed(fault: unknown): void;
}

export interface AlertChecker {
  /** Ends after the look under way. */
  stop(): Promise<void>;
}

export function startAlertChecker(options: AlertCheckerOptions): AlertChecker {
  const { turns, checks, observer, intervalMs } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const round = async () => {
    if (await turns.take(intervalMs)) await look(options);
    observer.known(await checks.open());
  };
  const loop = (async () => {
    while (!signal.aborted) {
      await round().catch((fault: unknown) => {
        if (!signal.aborted) observer.failed(fault);
      });
      await sleep(Math.min(LOOK_MS, intervalMs), undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

async function look({ turns, facts, checks, observer }: AlertCheckerOptions): Promise<void> {
  const beganMs = performance.now();
  try {
    const changes = await checks.check(await facts.gather());
    if (changes !== undefined) observer.looked(changes, performance.now() - beganMs);
  } catch (fault) {
    await turns.release().catch((error: unknown) => observer.failed(error));
    throw fault;
  }
}
