/** The log line of a fault of ours, and the trace of the call that it belongs to. */
import assert from "node:assert/strict";
import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import {
  GetBalanceRequest,
  QuotaServiceService as Quota,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { openTelemetry, type Telemetry } from "../../src/telemetry/telemetry.ts";
import { startBareServer, type BareServer } from "../support/bare-server.ts";
import { assertRefused } from "../support/calls.ts";
import { commitOf } from "../support/requests.ts";
import { tokenOf } from "../support/service.ts";
import { StreamCaller } from "../support/stream-caller.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const OPTIONS = {
  token: tokenOf("admin"),
  headers: { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` },
};

describe("the log line of a fault of ours", () => {
  const lines: string[] = [];
  let telemetry: Telemetry;
  let bare: BareServer;
  before(async () => {
    telemetry = await openTelemetry({
      instance: "test",
      version: "0",
      log: { level: "error", destination: { write: (line: string) => void lines.push(line) } },
      metrics: { host: "127.0.0.1", port: 0 },
      tracing: {
        sampleRatio: 0,
        processor: new SimpleSpanProcessor({ exporter: new InMemorySpanExporter() }),
      },
    });
    bare = await startBareServer({ observer: telemetry.calls, log: telemetry.log });
  });
  afterEach(() => void lines.splice(0));
  after(async () => {
    await bare.close();
    await telemetry.close();
  });

  const assertTraced = (requestId: string | undefined) => {
    assert.equal(lines.length, 1, lines.join("\n"));
    const line = JSON.parse(lines[0]!) as Record<string, unknown>;
    assert.equal(line["trace_id"], TRACE_ID);
    assert.equal(line["requestId"], requestId);
  };

  it("bears the trace of its call", async () => {
    const request = GetBalanceRequest.fromPartial({ userId: "user" });
    const told = await assertRefused(bare.caller.call(Quota.getBalance, request, OPTIONS), "INTERNAL");
    assertTraced(told.requestId);
  });

  it("bears the trace of its stream, for an operation of one", async () => {
    const stream = new StreamCaller(bare.caller, OPTIONS);
    const commit = commitOf("rsv_01M835X1WX000017J28B9VD3");
    stream.send({ correlationId: "one", operation: { $case: "commit", value: commit } });
    const { result } = await stream.next();
    assert.equal(result?.$case, "error");
    stream.call.end();
    await stream.ended;
    assertTraced(JSON.parse(lines[0] ?? "{}").requestId);
  });
});
