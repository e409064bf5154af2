import assert from "node:assert/strict";

import { status as Code } from "@grpc/grpc-js";
import {
  context,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Context,
  type ContextManager,
} from "@opentelemetry/api";

import {
  BillingError,
  connect,
  isReason,
  isRefusal,
  type BillingClient,
  type ConnectOptions,
  type ReserveInput,
} from "../../src/client/index.ts";
import { toBillingError } from "../../src/client/errors.ts";
import { BALANCE, Fault, reservationOf, startScriptedServer } from "./scripted-server.ts";
import type { ScriptedServer } from "./scripted-server.ts";

const INPUT: ReserveInput = { idempotencyKey: "k1", userId: "u1", featureId: "f1", taskId: "t1" };
const HELD = { reservation: reservationOf("rsv_1"), balance: BALANCE, replayed: false };
/** Short pauses: what is tested is which calls are repeated, not how long people wait. */
const FAST = { initialBackoffMs: 1, maxBackoffMs: 5 };

describe("client calls", () => {
  const open: { stop(): void }[] = [];

  function client(server: ScriptedServer, options: Partial<ConnectOptions> = {}): BillingClient {
    const made = connect({ address: server.address, retry: FAST, ...options });
    open.push({ stop: () => made.close() });
    return made;
  }

  async function serve(...words: Parameters<typeof startScriptedServer>): Promise<ScriptedServer> {
    const server = await startScriptedServer(...words);
    open.push(server);
    return server;
  }

  afterEach(() => {
    for (const each of open.splice(0).toReversed()) each.stop();
  });

  it("send what was said and give what was answered", async () => {
    const server = await serve(() => HELD);
    const answer = await client(server).reserve({
      ...INPUT,
      quantity: 2,
      ttlMs: 90_500,
      labels: { ["__proto__"]: "x", step: "render" },
    });
    assert.equal(answer.reservation.reservationId, "rsv_1");
    assert.equal(answer.balance.available, 95n);
    const [{ method, request }] = server.calls as [(typeof server.calls)[0]];
    assert.equal(method, "ReserveQuota");
    assert.equal(request["quantity"], 2);
    assert.deepEqual(request["ttl"], { seconds: 90n, nanos: 500_000_000 });
    assert.deepEqual(
      request["labels"],
      new Map([
        ["__proto__", "x"],
        ["step", "render"],
      ]),
    );
  });

  it("repeat what is safe to repeat, always with the same key and content", async () => {
    const faults = [
      new Fault(Code.UNAVAILABLE, "draining", { reason: "DRAINING" }),
      new Fault(Code.ABORTED, "busy", { reason: "ACCOUNT_BUSY", retryDelayMs: 1 }),
      new Fault(Code.RESOURCE_EXHAUSTED, "too many", { reason: "FLOOD_LIMITED", retryDelayMs: 1 }),
      new Fault(Code.CANCELLED, "reset"),
    ];
    const server = await serve((_call, index) => {
      const fault = faults[index - 1];
      if (fault) throw fault;
      return { ...HELD, replayed: true };
    });
    const answer = await client(server).reserve(INPUT);
    assert.equal(answer.replayed, true);
    assert.equal(server.calls.length, 5);
    for (const { request } of server.calls) assert.deepEqual(request, server.calls[0]!.request);
  });

  it("are not repeated after a refusal, which tells its reason and facts", async () => {
    const server = await serve(() => {
      throw new Fault(Code.RESOURCE_EXHAUSTED, "5 are needed, 3 are there", {
        reason: "QUOTA_INSUFFICIENT",
        metadata: { userId: "u1", available: "3", required: "5" },
        quota: [["users/u1", "not enough"]],
      });
    });
    const error = await client(server)
      .reserve(INPUT)
      .catch((thrown: unknown) => thrown);
    assert.ok(isReason(error, "QUOTA_INSUFFICIENT"));
    assert.equal(error.code, Code.RESOURCE_EXHAUSTED);
    assert.equal(error.codeName, "RESOURCE_EXHAUSTED");
    assert.equal(error.message, "5 are needed, 3 are there");
    assert.equal(error.metadata.get("available"), "3");
    assert.equal(error.retryDelayMs, undefined);
    const violation = { kind: "QUOTA", subject: "users/u1", description: "not enough" };
    assert.deepEqual(error.violations, [violation]);
    assert.equal(server.calls.length, 1);
  });

  it("give every field that is wrong, and every precondition", async () => {
    const server = await serve(({ method }) => {
      if (method === "CommitQuota") {
        const preconditions = [["rsv_1", "is settled"]] as const;
        throw new Fault(Code.FAILED_PRECONDITION, "no", {
          reason: "RESERVATION_NOT_HELD",
          preconditions,
        });
      }
      const fields = [
        ["user_id", "is required"],
        ["ttl", "is too long"],
      ] as const;
      throw new Fault(Code.INVALID_ARGUMENT, "bad", {
        reason: "INVALID_FIELD",
        fields,
        retryDelayMs: 1_500,
      });
    });
    const bad = await client(server).reserve(INPUT).catch(toBillingError);
    assert.ok(bad instanceof BillingError && isRefusal(bad));
    assert.deepEqual(
      bad.violations.map(({ kind, subject }) => [kind, subject]),
      [
        ["FIELD", "user_id"],
        ["FIELD", "ttl"],
      ],
    );
    assert.equal(bad.retryDelayMs, 1_500);
    const settled = await client(server)
      .commit({ idempotencyKey: "c", reservationId: "rsv_1" })
      .catch(toBillingError);
    assert.ok(settled instanceof BillingError && isRefusal(settled));
    assert.equal(settled.violations[0]?.kind, "PRECONDITION");
  });

  it("take only the service's own word for a refusal", async () => {
    const server = await serve((_call, index) => {
      const code = index === 1 ? Code.NOT_FOUND : Code.PERMISSION_DENIED;
      throw new Fault(code, "no route", { reason: "NO_ROUTE", domain: "proxy.example.com" });
    });
    for (const code of [Code.NOT_FOUND, Code.PERMISSION_DENIED]) {
      const error = await client(server).reserve(INPUT).catch(toBillingError);
      assert.ok(error instanceof BillingError);
      assert.deepEqual([error.code, error.reason, isRefusal(error)], [code, undefined, false]);
    }
  });

  it("wait as long as the service asks before they come back", async () => {
    const cameMs: number[] = [];
    const server = await serve((_call, index) => {
      cameMs.push(performance.now());
      if (index === 1) {
        throw new Fault(Code.UNAVAILABLE, "full", { reason: "OVERLOADED", retryDelayMs: 120 });
      }
      return HELD;
    });
    await client(server).reserve(INPUT);
    // Timers may fire a millisecond early by the other clock.
    assert.ok(cameMs[1]! - cameMs[0]! >= 119, `came back after ${cameMs[1]! - cameMs[0]!} ms`);
  });

  it("end at their deadline though the service never answers, having told it of each attempt's", async () => {
    const server = await serve(() => new Promise(() => undefined));
    const startMs = performance.now();
    const error = await client(server, { attemptDeadlineMs: 100 })
      .reserve(INPUT, { deadlineMs: 1_000 })
      .catch(toBillingError);
    assert.ok(error instanceof BillingError);
    assert.equal(error.code, Code.DEADLINE_EXCEEDED);
    assert.ok(performance.now() - startMs >= 700);
    assert.ok(server.calls.length >= 2, "a hanging attempt is given up for another one");
    assert.ok(server.calls.every(({ deadlineMs }) => deadlineMs <= 100));
  });

  it("give up at once when the caller does, and cancel the call in the service", async () => {
    const giveUp = new AbortController();
    const cancelled = Promise.withResolvers<void>();
    const server = await serve(({ signal }) => {
      signal.addEventListener("abort", () => cancelled.resolve());
      giveUp.abort(new Error("user left"));
      return new Promise(() => undefined);
    });
    const error = await client(server)
      .reserve(INPUT, { signal: giveUp.signal })
      .catch(toBillingError);
    assert.ok(error instanceof BillingError);
    assert.equal(error.code, Code.CANCELLED);
    assert.equal((error.cause as Error).message, "user left");
    await cancelled.promise;
    assert.equal(server.calls.length, 1);
  });

  it("stop repeating when the budget is spent, and say why", async () => {
    const server = await serve(() => {
      throw new Fault(Code.UNAVAILABLE, "down");
    });
    const retry = { ...FAST, budgetTokens: 4, maxAttempts: 50 };
    const error = await client(server, { retry }).reserve(INPUT).catch(toBillingError);
    assert.ok(error instanceof BillingError);
    assert.equal(error.code, Code.UNAVAILABLE);
    // Two failures leave half of the budget, which is not more than half.
    assert.equal(server.calls.length, 3);
  });

  it("come through a service that goes away and returns, by themselves", async () => {
    const first = await serve(() => HELD);
    const billing = client(first);
    await billing.reserve(INPUT);
    first.stop();
    const port = Number(first.address.split(":")[1]);
    const again = billing.reserve(INPUT);
    const second = await serve(() => ({ ...HELD, replayed: true }), undefined, port);
    assert.equal((await again).replayed, true);
    assert.equal(second.calls.length, 1);
  });

  it("bear the present token, which is asked for before each attempt", async () => {
    const tokens = ["old", "new"];
    const server = await serve((_call, index) => {
      if (index === 1) throw new Fault(Code.UNAVAILABLE, "restart");
      return HELD;
    });
    await client(server, { token: () => tokens.shift()! }).reserve(INPUT);
    const seen = server.calls.map(({ metadata }) => metadata.get("authorization")[0]);
    assert.deepEqual(seen, ["Bearer old", "Bearer new"]);
  });

  it("carry the caller's trace on, without an SDK too", async () => {
    const server = await serve(() => HELD);
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const spanContext = { traceId, spanId: "b7ad6b7169203331", traceFlags: TraceFlags.SAMPLED };
    context.setGlobalContextManager(fixedContext(trace.setSpanContext(ROOT_CONTEXT, spanContext)));
    try {
      await client(server).reserve(INPUT);
    } finally {
      context.disable();
    }
    const [traceparent] = server.calls[0]!.metadata.get("traceparent");
    assert.equal(traceparent, `00-${traceId}-b7ad6b7169203331-01`);
  });

  it("use every channel in turn", async () => {
    const peers = new Set<string>();
    const server = await serve(() => HELD);
    const billing = client(server, { channels: 3 });
    for (let i = 0; i < 6; i++) await billing.reserve({ ...INPUT, idempotencyKey: `k${i}` });
    for (const { peer } of server.calls) peers.add(peer);
    assert.equal(peers.size, 3);
  });

  it("fail when the service leaves out what its contract promises", async () => {
    const server = await serve(() => ({ ...HELD, reservation: undefined }));
    await assert.rejects(client(server).reserve(INPUT), /answer has no reservation/);
  });
});

/** A context manager that knows one context: all that a test of propagation needs. */
function fixedContext(active: Context): ContextManager {
  const manager: ContextManager = {
    active: () => active,
    with: (_context, work, self, ...words) => work.apply(self, words),
    bind: (_context, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}
