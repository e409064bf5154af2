/** The log: one JSON object a line on the standard output, for a collector to pick up. */
import { pino, type DestinationStream, type Logger } from "pino";
import type { Log, LogFacts } from "./observer.ts";
import { redact } from "./redaction.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogOptions {
  readonly level: LogLevel;
  /** Facts that every line bears, such as the server's instance. */
  readonly base?: LogFacts;
  /** The id of the trace that the line is written in; it becomes `trace_id`. */
  readonly traceId?: () => string | undefined;
  /** Where the lines go; the standard output by default. */
  readonly destination?: DestinationStream;
}

/**
 * A log at this level. Lines have `time` (ISO 8601), `level` (a word), the facts and `message`.
 * Lines are written at once, so that the last words of a process that dies are there.
 */
export function createLog({ level, base = {}, traceId, destination }: LogOptions): Log {
  const logger = pino(
    {
      level,
      messageKey: "message",
      // Errors are cleaned like all other facts, so pino's own view of them must stay away.
      serializers: { err: (fault: unknown) => fault },
      timestamp: pino.stdTimeFunctions.isoTime,
      base: redact(base) as Record<string, unknown>,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => {
        const id = traceId?.();
        return id === undefined ? {} : { trace_id: id };
      },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  );
  return {
    debug: writer(logger, "debug"),
    info: writer(logger, "info"),
    warn: writer(logger, "warn"),
    error: writer(logger, "error"),
  };
}

function writer(logger: Logger, level: LogLevel): Log["info"] {
  return (facts, message) => {
    // Cleaning a copy is only worth it for lines that are written.
    if (logger.isLevelEnabled(level)) logger[level](redact(facts) as object, message);
  };
}
