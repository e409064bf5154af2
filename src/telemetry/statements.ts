/**
 * Observes SQL and Redis commands through the channels that mysql2 and ioredis publish: how long
 * batches wait for locks and for COMMIT, which statements fail, and a span for each within a trace.
 */
import { tracingChannel, type TracingChannelSubscribers } from "node:diagnostics_channel";
import { SpanKind, SpanStatusCode, trace, type Span } from "@opentelemetry/api";
import { SEPARATOR } from "../store/together.ts";
import type { Instruments } from "./instruments.ts";
import { activeContext, type Tracing } from "./tracing.ts";

/** What mysql2 publishes about a statement; `error` is there once it has failed. */
interface Statement {
  /** With its values in it, so it's never passed on. */
  readonly query: string;
  readonly database: string;
  readonly serverAddress: string;
  readonly serverPort: number | undefined;
  readonly error?: unknown;
}

interface RedisCommand {
  readonly command: string;
  readonly error?: unknown;
}

interface Measured {
  readonly kind: StatementKind;
  readonly startedMs: number;
  readonly span: Span | undefined;
}

type StatementKind = "commit" | "lock" | "other";

/** Behind the list of users, however long it is: `… for update`, `… for update skip locked`. */
const LOCK_TAIL = /for update( skip locked)?\s*$/i;
const LOCK_TAIL_LENGTH = 30;

/** The verb at the start of a statement, and the first table, up to the first value. */
const VERB = /^[\s(]*(select|insert|update|delete|set|show|begin|start|commit|rollback|kill)\b/i;
const TABLE = /^[^'"]*?\b(?:from|into|update)\s+`?(\w+)/i;
/** The table stands near the start, except behind a long list of columns. */
const SUMMARY_LENGTH = 1_000;

/** Observes all statements of this process from now on. @returns how to stop */
export function observeStatements(
  instruments: Pick<Instruments, "lockWait" | "commitDuration" | "statementFaults" | "connects">,
  tracing: Tracing | undefined,
): () => void {
  const measured = new WeakMap<object, Measured>();
  const stops = [
    observe("mysql2:query", {
      start(message) {
        const { query } = message as Statement;
        const kind = kindOf(query);
        const span = tracing && startStatement(tracing, message as Statement);
        // Most statements are neither traced nor a lock or a commit, and nothing is kept of those.
        if (kind === "other" && span === undefined) return;
        measured.set(message, { kind, startedMs: performance.now(), span });
      },
      asyncStart(message) {
        const { error } = message as Statement;
        if (error !== undefined) {
          instruments.statementFaults.add(1, { code: codeOf(error) });
        }
        const statement = measured.get(message);
        if (statement === undefined) return;
        const tookSeconds = (performance.now() - statement.startedMs) / 1_000;
        if (statement.kind === "commit") instruments.commitDuration.record(tookSeconds);
        if (statement.kind === "lock") instruments.lockWait.record(tookSeconds);
        if (statement.span !== undefined) endSpan(statement.span, error);
      },
    }),
    observe("mysql2:connect", {
      asyncStart(message) {
        const failed = "error" in message && message.error !== undefined;
        instruments.connects.add(1, { outcome: failed ? "FAILED" : "OK" });
      },
    }),
    ...(tracing === undefined ? [] : [observeRedis(tracing)]),
  ];
  return () => stops.forEach((stop) => stop());
}

function observeRedis(tracing: Tracing): () => void {
  const spans = new WeakMap<object, Span>();
  return observe("ioredis:command", {
    start(message) {
      const context = activeContext();
      if (context === undefined) return;
      const { command } = message as RedisCommand;
      const attributes = { "db.system.name": "redis", "db.operation.name": command };
      const options = { kind: SpanKind.CLIENT, attributes };
      spans.set(message, tracing.tracer.startSpan(`redis ${command}`, options, context));
    },
    asyncStart(message) {
      const span = spans.get(message);
      if (span !== undefined) endSpan(span, (message as RedisCommand).error);
    },
  });
}

type Subscribers = Partial<TracingChannelSubscribers<object>>;

function observe(channel: string, { start, asyncStart }: Subscribers): () => void {
  const nothing = () => undefined;
  const subscribers = {
    start: start ?? nothing,
    end: nothing,
    asyncStart: asyncStart ?? nothing,
    asyncEnd: nothing,
    error: nothing,
  } as TracingChannelSubscribers<object>;
  const published = tracingChannel<unknown, object>(channel);
  published.subscribe(subscribers);
  return () => published.unsubscribe(subscribers);
}

function kindOf(sql: string): StatementKind {
  if (sql.length === 6 && sql.toLowerCase() === "commit") return "commit";
  return LOCK_TAIL.test(sql.slice(-LOCK_TAIL_LENGTH)) ? "lock" : "other";
}

/** A span for a statement, or several in one text, within a trace; outside of one there's none. */
function startStatement(tracing: Tracing, statement: Statement): Span | undefined {
  const context = activeContext();
  if (context === undefined || trace.getSpan(context) === undefined) return undefined;
  const summary = statement.query.split(SEPARATOR).map(summaryOf).join("; ");
  const attributes = {
    "db.system.name": "mysql",
    "db.namespace": statement.database,
    "db.query.summary": summary,
    "server.address": statement.serverAddress,
    ...(statement.serverPort === undefined ? {} : { "server.port": statement.serverPort }),
  };
  return tracing.tracer.startSpan(summary, { kind: SpanKind.CLIENT, attributes }, context);
}

/** What a statement does to which table, without a value of it. */
export function summaryOf(sql: string): string {
  const start = sql.slice(0, SUMMARY_LENGTH);
  const verb = VERB.exec(start)?.[1]?.toLowerCase();
  if (verb === undefined) return "sql";
  const table = TABLE.exec(start)?.[1];
  return table === undefined ? verb : `${verb} ${table}`;
}

function endSpan(span: Span, error: unknown): void {
  if (error !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute("error.type", codeOf(error));
  }
  span.end();
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "UNKNOWN";
}
