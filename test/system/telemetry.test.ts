import assert from "node:assert/strict";

import { trace, type SpanContext } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace";
import type { MikroORM } from "@mikro-orm/mysql";

import { summaryOf } from "../../src/telemetry/statements.ts";
import { openTelemetry, type Telemetry } from "../../src/telemetry/telemetry.ts";
import { activeSpan, activeTraceId } from "../../src/telemetry/tracing.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { inTransaction } from "../../src/store/transaction.ts";
import { flavours, freshSchema, type FreshSchema } from "../support/servers.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";
const QUIET = { level: "error", destination: { write: () => undefined } } as const;

function headers(given: Record<string, string> = {}) {
  return (name: string) => given[name];
}

function callerTraces(sampled: boolean) {
  return headers({ traceparent: `00-${TRACE_ID}-${SPAN_ID}-0${sampled ? 1 : 0}` });
}

async function open(sampleRatio?: number) {
  const exporter = new InMemorySpanExporter();
  const processor = new SimpleSpanProcessor({ exporter });
  const telemetry = await openTelemetry({
    instance: "test",
    version: "0",
    log: QUIET,
    metrics: { host: "127.0.0.1", port: 0 },
    tracing: sampleRatio === undefined ? undefined : { sampleRatio, processor },
  });
  return { telemetry, spans: () => exporter.getFinishedSpans() };
}

async function scrape({ metricsUrl }: Telemetry): Promise<string> {
  const response = await fetch(metricsUrl);
  assert.equal(response.status, 200);
  return response.text();
}

describe("the metrics endpoint", () => {
  it("answers GET /metrics only", async () => {
    const { telemetry } = await open();
    try {
      const { origin } = new URL(telemetry.metricsUrl);
      assert.equal((await fetch(`${origin}/`)).status, 404);
      assert.equal((await fetch(telemetry.metricsUrl, { method: "POST" })).status, 405);
      assert.match(await scrape(telemetry), /^target_info\{.*service_name="billing-guard"/m);
    } finally {
      await telemetry.close();
    }
  });

  it("fails with the cause when its port is taken", async () => {
    const { telemetry } = await open();
    try {
      const port = Number(new URL(telemetry.metricsUrl).port);
      const second = openTelemetry({
        instance: "second",
        version: "0",
        log: QUIET,
        metrics: { host: "127.0.0.1", port },
      });
      await assert.rejects(second, { code: "EADDRINUSE" });
    } finally {
      await telemetry.close();
    }
  });

  it("tells of calls by method and code, of refusals by reason, and of open calls", async () => {
    const { telemetry } = await open();
    try {
      const call = telemetry.calls.started(
        "/billing.quota.v1.QuotaService/ReserveQuota",
        headers(),
      );
      call.finished(0, undefined);
      telemetry.calls
        .started("/billing.quota.v1.QuotaService/ReserveQuota", headers())
        .finished(8, "QUOTA_INSUFFICIENT");
      telemetry.calls
        .started("/billing.quota.v1.QuotaService/ProcessQuota", headers())
        .operation("commit");
      const text = await scrape(telemetry);
      const method = 'rpc_method="billing.quota.v1.QuotaService/ReserveQuota"';
      const count = "rpc_server_call_duration_seconds_count";
      assert.match(
        text,
        new RegExp(`^${count}\\{${method},rpc_response_status_code="OK"\\} 1$`, "m"),
      );
      const refused = `billing_calls_refused_total{${method},reason="QUOTA_INSUFFICIENT"} 1`;
      assert.ok(text.includes(`\n${refused}\n`), text);
      assert.match(text, /^rpc_server_in_flight 2$/m);
    } finally {
      await telemetry.close();
    }
  });

  it("tells how the process is", async () => {
    const { telemetry } = await open();
    try {
      const text = await scrape(telemetry);
      for (const series of [
        "process_memory_usage_bytes",
        "nodejs_heap_used_bytes",
        "process_uptime_seconds",
        'process_cpu_seconds_total{mode="user"}',
        "nodejs_eventloop_delay_p99_seconds",
        "nodejs_eventloop_utilization_ratio",
      ]) {
        assert.ok(text.includes(`\n${series} `), `${series} is missing in\n${text}`);
      }
    } finally {
      await telemetry.close();
    }
  });
});

describe("a trace", () => {
  it("goes on from the caller's span, and what runs below belongs to it", async () => {
    const { telemetry, spans } = await open(0);
    const call = telemetry.calls.started("/a.B/C", callerTraces(true));
    await call.run(async () => {
      await Promise.resolve();
      assert.equal(activeTraceId(), TRACE_ID);
    });
    assert.equal(activeTraceId(), undefined);
    call.finished(13, "INTERNAL");
    const [span] = spans();
    assert.equal(span?.spanContext().traceId, TRACE_ID);
    assert.equal(span?.parentSpanContext?.spanId, SPAN_ID);
    assert.deepEqual(span?.attributes, {
      "rpc.system.name": "grpc",
      "rpc.method": "a.B/C",
      "rpc.response.status_code": "INTERNAL",
      "billing.reason": "INTERNAL",
    });
    await telemetry.close();
  });

  it("isn't begun where the caller says no, the dice say no, or the header is broken", async () => {
    const never = await open(0);
    const broken = [
      "",
      "00-zz",
      `00-${"0".repeat(32)}-${SPAN_ID}-01`,
      `ff-${TRACE_ID}-${SPAN_ID}-01`,
    ];
    const hostile = broken.map((traceparent) => headers({ traceparent }));
    for (const header of [callerTraces(false), headers(), ...hostile]) {
      const call = never.telemetry.calls.started("/a.B/C", header);
      call.run(() => assert.equal(activeSpan(), undefined));
      call.finished(0, undefined);
    }
    assert.deepEqual(never.spans(), []);
    await never.telemetry.close();
    const always = await open(1);
    always.telemetry.calls.started("/a.B/C", callerTraces(false)).finished(0, undefined);
    assert.deepEqual(always.spans(), []);
    always.telemetry.calls.started("/a.B/C", headers()).finished(0, undefined);
    assert.equal(always.spans().length, 1);
    await always.telemetry.close();
  });

  it("shows no value of a statement", () => {
    const cases = {
      "insert into quota_logs (a,b) values ('secret',1)": "insert quota_logs",
      "select * from `users` where user_id in ('from','x') for update": "select users",
      "select 'from secrets' as a": "select",
      "update users set a = 1": "update users",
      "delete from users where a = 'x'": "delete users",
      begin: "begin",
      COMMIT: "commit",
      "call secret('x')": "sql",
    };
    for (const [sql, summary] of Object.entries(cases)) assert.equal(summaryOf(sql), summary, sql);
  });

  for (const flavour of flavours()) {
    describe(`on ${flavour}`, () => {
      let schema: FreshSchema;
      let orm: MikroORM;

      before(async () => {
        schema = await freshSchema(flavour);
        orm = await openOrm({ url: schema.url, poolMax: 4 });
        await orm.em.fork().execute("create table t (id int primary key, n int not null)");
        await orm.em.fork().execute("insert into t values (1, 0)");
      });
      after(async () => {
        await closeOrm(orm);
        await schema.drop();
      });

      const work = () =>
        inTransaction(orm, async (em) => {
          await em.execute("select * from t where id = 1 for update");
          await em.execute("update t set n = n + 1 where id = 1");
        });

      it("goes from the caller's span over the call and the batch to each statement", async () => {
        const { telemetry, spans } = await open(0);
        const serve = telemetry.tellerTraces.around(async (tickets) => {
          await work();
          return tickets.map(() => ({ answer: null, replayed: false }));
        });
        // Three commands in one batch: two are traced, each by its own caller.
        const commands = [{}, {}, {}];
        const otherTrace = TRACE_ID.replaceAll("0", "1");
        const callers = [
          callerTraces(true),
          headers(),
          headers({ traceparent: `00-${otherTrace}-${SPAN_ID}-01` }),
        ];
        const calls = callers.map((header) => telemetry.calls.started("/a.B/C", header));
        calls.forEach((call, at) => call.run(() => telemetry.tellerTraces.note(commands[at]!)));
        await serve(commands.map((command) => ({ command })) as never, "wait", 0);
        for (const call of calls) call.finished(0, undefined);
        const finished = [...spans()];
        await telemetry.close();

        const named = (name: string, traceId = TRACE_ID) => {
          const found = finished.filter(
            (span) => span.name === name && span.spanContext().traceId === traceId,
          );
          assert.equal(found.length, 1, `${name} in ${finished.map((span) => span.name).join()}`);
          return found[0]!;
        };
        const batch = named("teller batch");
        const other = named("a.B/C", otherTrace);
        assertChild(named("a.B/C"), { spanId: SPAN_ID } as SpanContext);
        assertChild(batch, named("a.B/C").spanContext());
        assert.deepEqual(
          batch.links.map(({ context }) => context.spanId),
          [other.spanContext().spanId],
        );
        assert.deepEqual(
          other.links.map(({ context }) => context.spanId),
          [batch.spanContext().spanId],
        );
        for (const name of ["begin", "select t", "update t", "commit"]) {
          assertChild(named(name), batch.spanContext());
        }
        assert.equal(named("update t").attributes["db.query.summary"], "update t");
        assert.equal(named("update t").attributes["db.namespace"], schema.name);
      });

      it("has nothing of statements outside of it, which are measured all the same", async () => {
        const { telemetry, spans } = await open(0);
        await work();
        await assert.rejects(orm.em.fork().execute("select * from nowhere"));
        const text = await scrape(telemetry);
        assert.deepEqual(spans(), []);
        await telemetry.close();
        assert.match(text, /^billing_database_commit_duration_seconds_count 1$/m);
        assert.match(text, /^billing_database_lock_wait_seconds_count 1$/m);
        assert.match(
          text,
          /^billing_database_statement_faults_total\{code="ER_NO_SUCH_TABLE"\} 1$/m,
        );
      });

      it("is not inherited by a connection that was made within it", async () => {
        const { telemetry, spans } = await open(0);
        const own = await openOrm({ url: schema.url, poolMax: 1 });
        const call = telemetry.calls.started("/a.B/C", callerTraces(true));
        await call.run(() => own.em.fork().execute("select 1 from t"));
        call.finished(0, undefined);
        const { length } = spans();
        await own.em.fork().execute("select 2 from t");
        assert.equal(spans().length, length);
        await closeOrm(own);
        await telemetry.close();
        assert.equal(trace.getActiveSpan(), undefined);
      });
    });
  }
});

function assertChild(span: ReadableSpan, parent: SpanContext): void {
  assert.equal(span.parentSpanContext?.spanId, parent.spanId, span.name);
}
