import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { Redis } from "ioredis";

import { connect, type BillingClient } from "../../src/client/client.ts";
import { startService, type Service } from "../../src/main.ts";
import { flavours, freshSchema, sharedRedis, type FreshSchema } from "../support/servers.ts";
import { IDENTITIES, tokenOf } from "../support/service.ts";

/** A collector: keeps what is sent to it. */
interface Collector {
  readonly endpoint: string;
  /** The bodies of POST /v1/traces, in protobuf. */
  readonly received: Buffer[];
  close(): void;
}

async function startCollector(): Promise<Collector> {
  const received: Buffer[] = [];
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (request.url === "/v1/traces") received.push(Buffer.concat(parts));
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, received, close: () => server.close() };
}

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
  readonly parentId: string;
  readonly name: string;
}

/**
 * The spans in an OTLP request. Each begins with its trace's id (field 1), its own (2), that of its
 * parent (4) and its name (5), which is all that is read here.
 */
function spansIn(bytes: Buffer): SentSpan[] {
  // eslint-disable-next-line no-control-regex -- tags and lengths are control characters
  const start = /\x0a\x10([^]{16})\x12\x08([^]{8})(?:\x1a\x00)?(?:\x22\x08([^]{8}))?\x2a([^])/g;
  return [...bytes.toString("latin1").matchAll(start)].map((match) => {
    const [whole, traceId = "", spanId = "", parentId = "", length = ""] = match;
    const at = match.index + whole.length;
    const name = bytes.toString("utf8", at, at + length.charCodeAt(0));
    const hex = (text: string) => Buffer.from(text, "latin1").toString("hex");
    return { traceId: hex(traceId), spanId: hex(spanId), parentId: hex(parentId), name };
  });
}

for (const flavour of flavours()) {
  describe(`the telemetry of a whole server on ${flavour}`, () => {
    let schema: FreshSchema;
    let collector: Collector;
    let service: Service;
    let client: BillingClient;
    let redis: Redis;
    const clientSpans = new InMemorySpanExporter();

    before(async () => {
      schema = await freshSchema(flavour);
      collector = await startCollector();
      const { url: redisUrl } = await sharedRedis();
      redis = new Redis(redisUrl);
      // Users are locked in Redis only where there is another server.
      await redis.zadd("billing-guard:servers", 1e15, "a neighbour");
      service = await startService({
        database: {
          url: schema.url,
          tls: undefined,
          statementTimeoutMs: 6_000,
          poolMax: 8,
          migrateOnStart: true,
          seedOnStart: true,
          allowWeakDurability: false,
        },
        redis: { url: redisUrl },
        floodMaxPerSecond: 1_000,
        grpc: { host: "127.0.0.1", port: 0, tls: undefined },
        identities: IDENTITIES.map((identity) => ({
          tokenSha256: "",
          uriSan: undefined,
          ...identity,
        })),
        teller: { lanes: 2, batchMax: 256, queueMax: 1_024 },
        refundWindowMs: 3_600_000,
        sweepIntervalMs: 50,
        ledgerCheckIntervalMs: 0,
        reports: { timeOfDayMs: null, vatBasisPoints: 600n },
        alertCheckIntervalMs: 0,
        membershipExpiringMs: 0,
        drainTimeoutMs: 5_000,
        wechat: undefined,
        sealing: undefined,
        endpoints: [],
        console: undefined,
        metrics: { host: "127.0.0.1", port: 0 },
        logLevel: "error",
        // Only callers who trace are traced.
        tracing: { endpoint: collector.endpoint, sampleRatio: 0 },
      });
      await service.ready;
      const processor = new SimpleSpanProcessor({ exporter: clientSpans });
      trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [processor] }));
      client = connect({ address: `127.0.0.1:${service.grpc.port}`, token: tokenOf("admin") });
    });
    after(async () => {
      trace.disable();
      client.close();
      await service.close();
      await redis.zrem("billing-guard:servers", "a neighbour");
      redis.disconnect();
      collector.close();
      await schema.drop();
    });

    const reserve = (idempotencyKey: string, featureId = "image_upscale") =>
      client.reserve({ idempotencyKey, userId: "user", featureId, taskId: "task" });

    it("shows after traffic what was decided, replayed, waited for and swept", async () => {
      await client.registerUser({ idempotencyKey: "register", userId: "user" });
      await reserve("first");
      await reserve("first");
      await assert.rejects(reserve("second", "no_such_feature"));
      let text = "";
      // The sweeper tells of its first round when that is over.
      do text = await (await fetch(service.metricsUrl)).text();
      while (!text.includes("billing_sweeper_last_success_seconds "));
      const method = 'rpc_method="billing.quota.v1.QuotaService/ReserveQuota"';
      for (const line of [
        'billing_teller_decisions_total{method="RegisterUser",outcome="OK"} 1',
        'billing_teller_decisions_total{method="ReserveQuota",outcome="OK"} 2',
        'billing_teller_decisions_total{method="ReserveQuota",outcome="FEATURE_NOT_FOUND"} 1',
        'billing_teller_replays_total{method="ReserveQuota"} 1',
        `rpc_server_call_duration_seconds_count{${method},rpc_response_status_code="OK"} 2`,
        `rpc_server_call_duration_seconds_count{${method},rpc_response_status_code="NOT_FOUND"} 1`,
        `billing_calls_refused_total{${method},reason="FEATURE_NOT_FOUND"} 1`,
        "rpc_server_in_flight 0",
        "billing_redis_degraded 0",
        "billing_server_ready 1",
        "billing_sweeper_lag_seconds 0",
      ]) {
        assert.ok(text.includes(`\n${line}\n`), `${line} is missing in\n${text}`);
      }
      for (const series of [
        /^billing_teller_queue_depth\{lane="\d"\} 0$/m,
        /^billing_teller_batch_size_bucket\{le="1"\} [1-9]/m,
        /^billing_teller_batch_duration_seconds_count [1-9]/m,
        /^billing_database_lock_wait_seconds_count [1-9]/m,
        /^billing_database_commit_duration_seconds_count [1-9]/m,
        /^billing_database_connects_total\{outcome="OK"\} [1-9]/m,
        /^billing_sweeper_rounds_total\{outcome="OK"\} [1-9]/m,
      ]) {
        assert.match(text, series);
      }
    });

    it("has one trace from the client's span to the SQL and Redis, and no other", async () => {
      await reserve("traced");
      const clientTraces = clientSpans.getFinishedSpans();
      const span = clientTraces.at(-1)!;
      assert.equal(span.name, "billing.quota.v1.QuotaService/ReserveQuota");
      await service.close();
      const sent = Buffer.concat(collector.received);
      const all = spansIn(sent);
      const own = all.filter(({ traceId }) => traceId === span.spanContext().traceId);
      const named = (name: string) => {
        // A span of several statements names each of them.
        const found = own.find((one) => one.name.split("; ").includes(name));
        assert.ok(found, `${name} is not among ${own.map((one) => one.name).join()}`);
        return found;
      };
      const call = named("billing.quota.v1.QuotaService/ReserveQuota");
      const batch = named("teller batch");
      assert.equal(call.parentId, span.spanContext().spanId);
      assert.equal(batch.parentId, call.spanId);
      for (const name of [
        "select users",
        "insert quota_reservations",
        "insert quota_logs",
        "commit",
      ]) {
        assert.equal(named(name).parentId, batch.spanId, name);
      }
      assert.ok(
        own.some(
          ({ name, parentId }) => name.startsWith("redis eval") && parentId === batch.spanId,
        ),
      );
      // The sweeper, the readiness and the telemetry itself have no traces.
      assert.deepEqual(
        new Set(all.map(({ traceId }) => traceId)),
        new Set(clientTraces.map((one) => one.spanContext().traceId)),
      );
      assert.ok(!sent.includes(tokenOf("admin")));
    });
  });
}
