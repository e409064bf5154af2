/**
 * The service's metrics, each with its name, unit and meaning. Prometheus sees the counter
 * `billing.teller.retries` as `billing_teller_retries_total`; units stand in the names, since its
 * exporter adds none. Labels have few values each: never an id.
 */
import type { Attributes, Meter } from "@opentelemetry/api";

/** From a tenth of a millisecond, which is an answer out of memory, to longer than any deadline. */
const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30,
];
/** Powers of two, as batches grow. */
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

export type Instruments = ReturnType<typeof createInstruments>;

export function createInstruments(meter: Meter) {
  return {
    ...calls(meter),
    ...teller(meter),
    ...database(meter),
    ...secondLayer(meter),
    ...jobs(meter),
    serverReady: gauge(meter, "billing.server.ready", {
      description: "1 while the server serves, 0 while it starts, lacks its database or drains",
    }),
  };
}

function calls(meter: Meter) {
  return {
    callDuration: seconds(
      meter,
      "rpc.server.call.duration",
      "Calls by method and gRPC code; operations of a stream as `method#operation`",
    ),
    callsInFlight: meter.createObservableGauge("rpc.server.in_flight", {
      description: "Calls and stream operations that are being served",
    }),
    callsRefused: meter.createCounter("billing.calls.refused", {
      description: "Calls and stream operations that were answered no, by method and reason",
    }),
  };
}

function teller(meter: Meter) {
  return {
    queueDepth: meter.createObservableGauge("billing.teller.queue.depth", {
      description: "Commands that wait, by lane",
    }),
    batchSize: meter.createHistogram("billing.teller.batch.size", {
      description: "Commands in a committed batch",
      advice: { explicitBucketBoundaries: SIZES },
    }),
    batchDuration: seconds(
      meter,
      "billing.teller.batch.duration",
      "A committed batch from BEGIN to the answer to COMMIT",
    ),
    decisions: meter.createCounter("billing.teller.decisions", {
      description: "Commands answered, by method and outcome: OK or the reason of the refusal",
    }),
    replays: meter.createCounter("billing.teller.replays", {
      description: "Commands answered with the first answer to the same key, by method",
    }),
    overloads: meter.createCounter("billing.teller.overloads", {
      description: "Commands turned away since their lane's queue was full",
    }),
    retries: meter.createCounter("billing.teller.retries", {
      description: "Batches run again, by kind of fault",
    }),
    faults: meter.createCounter("billing.teller.faults", {
      description: "Commands that failed for a fault that isn't their caller's, by kind",
    }),
  };
}

function database(meter: Meter) {
  return {
    lockWait: seconds(
      meter,
      "billing.database.lock.wait",
      "The statement that locks the users' rows of a batch",
    ),
    commitDuration: seconds(
      meter,
      "billing.database.commit.duration",
      "COMMIT, from sending it to its answer",
    ),
    statementFaults: meter.createCounter("billing.database.statement.faults", {
      description: "Statements that failed, by error code",
    }),
    connects: meter.createCounter("billing.database.connects", {
      description: "Connections made, by outcome: OK or FAILED",
    }),
  };
}

function secondLayer(meter: Meter) {
  return {
    redisDegraded: gauge(meter, "billing.redis.degraded", {
      description: "1 while Redis is away, or isn't configured; answers stay right without it",
    }),
    floods: meter.createCounter("billing.redis.flooded", {
      description: "Requests turned away at the gate since their user sent too many",
    }),
    contended: meter.createCounter("billing.redis.contended", {
      description: "Batches that went on without all of their locks across servers",
    }),
  };
}

function jobs(meter: Meter) {
  return {
    sweepRounds: meter.createCounter("billing.sweeper.rounds", {
      description: "Rounds of the sweeper, by outcome: OK or FAILED",
    }),
    sweepLag: gauge(meter, "billing.sweeper.lag.seconds", {
      description: "How late the oldest hold is that should have ended before the last round",
    }),
    sweepLastSuccess: gauge(meter, "billing.sweeper.last_success.seconds", {
      description: "When the last round ended without a fault, in seconds since 1970",
    }),
    holdsExpired: meter.createCounter("billing.sweeper.expired", {
      description: "Stranded holds that were given back to their users",
    }),
    usersSettled: meter.createCounter("billing.sweeper.settled", {
      description: "Users whose lots were opened or closed in time",
    }),
  };
}

/** A value that is told at its changes and read at each scrape. */
export interface Gauge {
  set(value: number): void;
}

function gauge(meter: Meter, name: string, options: { description: string }): Gauge {
  let current: number | undefined;
  meter.createObservableGauge(name, options).addCallback((result) => {
    if (current !== undefined) result.observe(current);
  });
  return {
    set: (value) => {
      current = value;
    },
  };
}

function seconds(meter: Meter, name: string, description: string) {
  const advice = { explicitBucketBoundaries: SECONDS };
  return meter.createHistogram(`${name}.seconds`, { unit: "seconds", description, advice });
}

/**
 * Labels for a pair of values, the same object each time: making one for each measurement would be
 * most of its cost.
 */
export function labels(first: string, second: string) {
  const known = new Map<unknown, Map<unknown, Attributes>>();
  return (one: string, other: string): Attributes => {
    let row = known.get(one);
    if (row === undefined) known.set(one, (row = new Map()));
    let attributes = row.get(other);
    if (attributes === undefined) row.set(other, (attributes = { [first]: one, [second]: other }));
    return attributes;
  };
}
