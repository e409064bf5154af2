/**
 * What the wire tells about its calls, and what everybody logs with. The wire calls these
 * interfaces and knows neither OpenTelemetry nor Prometheus. (What others tell stands with them:
 * LaneObserver, BatchObserver, RedisObserver and SweepObserver.) No call throws and none waits.
 */

/** Told by the wire: one call, from its arrival to its status. */
export interface CallObserver {
  /**
   * A call has arrived.
   * @param method as on the wire: `/billing.quota.v1.QuotaService/ReserveQuota`
   * @param header reads a request header, such as `traceparent`; undefined when it's not there
   */
  started(method: string, header: (name: string) => string | undefined): ObservedCall;
}

export interface ObservedCall {
  /** Runs the handler, so that what it calls and awaits belongs to the call's trace. */
  run<T>(work: () => T): T;
  /**
   * One operation of a stream begins, such as `reserve`; it is observed as a call of its own, with
   * the method `<method>#<kind>`.
   */
  operation(kind: string): ObservedCall;
  /**
   * The call is over; called once.
   * @param code the canonical gRPC code, from 0
   * @param reason the ErrorInfo's reason; undefined where it passed
   */
  finished(code: number, reason: string | undefined): void;
}

/** Observes nothing: for tests and tools. */
export const UNOBSERVED_CALLS: CallObserver = {
  started: () => UNOBSERVED_CALL,
};

const UNOBSERVED_CALL: ObservedCall = {
  run: (work) => work(),
  operation: () => UNOBSERVED_CALL,
  finished: () => undefined,
};

/** Structured logging: facts first, then a fixed sentence without values in it. */
export interface Log {
  debug(facts: LogFacts, message: string): void;
  info(facts: LogFacts, message: string): void;
  warn(facts: LogFacts, message: string): void;
  error(facts: LogFacts, message: string): void;
}

/**
 * Facts of a log line; an error goes under `err`. Secrets are taken out by the names of their
 * fields, at any depth, which is the second line of defence: the first is not to log them.
 */
export type LogFacts = Readonly<Record<string, unknown>>;
