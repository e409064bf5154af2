/** Turns what the teller, Redis and the sweeper tell into metrics and log lines. */
import type { SweepObserver } from "../job/sweeper.ts";
import type { BatchObserver } from "../store/batch-runner.ts";
import type { RedisObserver } from "../store/redis-layer.ts";
import type { LaneObserver } from "../store/teller.ts";
import type { Instruments } from "./instruments.ts";
import type { Log } from "./observer.ts";

/** A batch's fault is one fault with hundreds of voices: of a kind, one line in this time. */
const LINE_EVERY_MS = 1_000;

export function observeLanes(
  instruments: Pick<Instruments, "queueDepth" | "overloads">,
): LaneObserver {
  const depths: number[] = [];
  instruments.queueDepth.addCallback((result) => {
    depths.forEach((depth, lane) => result.observe(depth, { lane }));
  });
  return {
    queued(lane, depth) {
      depths[lane] = depth;
    },
    overloaded: (lane) => instruments.overloads.add(1, { lane }),
  };
}

export function observeBatches(
  instruments: Pick<Instruments, "batchSize" | "batchDuration" | "retries" | "faults">,
  log: Log,
): BatchObserver {
  const seldom = createThrottle();
  return {
    served(_lane, size, tookMs) {
      instruments.batchSize.record(size);
      instruments.batchDuration.record(tookMs / 1_000);
    },
    retried(kind) {
      instruments.retries.add(1, { kind });
      seldom(`retried ${kind}`, (left) => log.warn({ kind, ...left }, "a batch runs again"));
    },
    failed(method, kind, fault) {
      instruments.faults.add(1, { kind });
      seldom(`failed ${kind}`, (left) =>
        log.error({ method, kind, err: fault, ...left }, "a command failed for a fault of ours"),
      );
    },
  };
}

export function observeRedis(
  instruments: Pick<Instruments, "redisDegraded" | "floods" | "contended">,
  log: Log,
): RedisObserver {
  return {
    degraded(isDegraded, fault) {
      instruments.redisDegraded.set(isDegraded ? 1 : 0);
      if (isDegraded) log.warn({ err: fault }, "redis doesn't answer; the database alone guards");
      else log.info({}, "redis answers again");
    },
    flooded: (count) => instruments.floods.add(count),
    contended: () => instruments.contended.add(1),
  };
}

export function observeSweeps(
  instruments: Pick<
    Instruments,
    "sweepRounds" | "sweepLag" | "sweepLastSuccess" | "holdsExpired" | "usersSettled"
  >,
  log: Log,
): SweepObserver {
  return {
    swept({ expired, settledUsers, lagMs }) {
      instruments.sweepRounds.add(1, { outcome: "OK" });
      instruments.sweepLag.set(lagMs / 1_000);
      instruments.sweepLastSuccess.set(Date.now() / 1_000);
      instruments.holdsExpired.add(expired);
      instruments.usersSettled.add(settledUsers);
      const facts = { expired, settledUsers, lagMs };
      if (expired + settledUsers > 0) log.info(facts, "stranded holds and due lots were settled");
    },
    failed(fault) {
      instruments.sweepRounds.add(1, { outcome: "FAILED" });
      log.error({ err: fault }, "a round of the sweeper failed; the next one tries again");
    },
  };
}

/** Lets one line of a kind through in a while, which then says how many were left out before it. */
export function createThrottle() {
  const kinds = new Map<string, { quietUntilMs: number; leftOut: number }>();
  return (kind: string, write: (left: { leftOut?: number }) => void): void => {
    let state = kinds.get(kind);
    if (state === undefined) kinds.set(kind, (state = { quietUntilMs: 0, leftOut: 0 }));
    const nowMs = performance.now();
    if (nowMs < state.quietUntilMs) {
      state.leftOut += 1;
      return;
    }
    write(state.leftOut === 0 ? {} : { leftOut: state.leftOut });
    state.quietUntilMs = nowMs + LINE_EVERY_MS;
    state.leftOut = 0;
  };
}
