import assert from "node:assert/strict";

import { status as Code, type ServerDuplexStream } from "@grpc/grpc-js";

import {
  connect,
  isReason,
  type BillingClient,
  type QuotaStreamOptions,
} from "../../src/client/index.ts";
import { toBillingError } from "../../src/client/errors.ts";
import type {
  QuotaOperation,
  QuotaOperationResult,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { BALANCE, Fault, reservationOf, startScriptedServer } from "./scripted-server.ts";
import type { ScriptedServer, StreamScript } from "./scripted-server.ts";

type Stream = ServerDuplexStream<QuotaOperation, QuotaOperationResult>;

/** Holds what was asked for; the reservation bears the key. */
function answer(
  stream: Stream,
  { correlationId, operation }: QuotaOperation,
  replayed = false,
): void {
  const reservation = reservationOf(`rsv_${operation?.value.idempotencyKey}`);
  const value = { reservation, balance: BALANCE, replayed, reservations: [] };
  stream.write({ correlationId, result: { $case: operation!.$case, value } });
}

function refuse(stream: Stream, { correlationId }: QuotaOperation, fault: Fault): void {
  stream.write({ correlationId, result: { $case: "error", value: fault.status() } });
}

/** Ends the stream with a status. */
function fail(stream: Stream, code: Code): void {
  stream.emit("error", Object.assign(new Error("no"), { code, details: "no" }));
}

function reserveInput(key: string) {
  return { idempotencyKey: key, userId: "u1", featureId: "f1", taskId: key };
}

describe("client stream", () => {
  let server: ScriptedServer;
  let client: BillingClient;

  async function open(script: StreamScript, options: QuotaStreamOptions = {}) {
    server = await startScriptedServer(() => undefined, script);
    client = connect({ address: server.address, retry: { initialBackoffMs: 1, maxBackoffMs: 5 } });
    return client.processQuota(options);
  }

  afterEach(() => {
    client.close();
    server.stop();
  });

  it("answers each operation with its own answer, in whatever order they come", async () => {
    const waiting: QuotaOperation[] = [];
    const stream = await open((call) => {
      call.on("data", (operation: QuotaOperation) => {
        if (waiting.push(operation) < 3) return;
        for (const each of waiting.toReversed()) answer(call, each);
      });
      call.on("end", () => call.end());
    });
    const answers = await Promise.all([
      stream.reserve(reserveInput("a")),
      stream.commit({ idempotencyKey: "b", reservationId: "rsv_x" }),
      stream.refund({ idempotencyKey: "c", taskId: "t", reason: "TIMEOUT" }),
    ]);
    const ids = answers.map(({ reservation }) => reservation.reservationId);
    assert.deepEqual(ids, ["rsv_a", "rsv_b", "rsv_c"]);
    await stream.close();
  });

  it("has no more on the wire than it may, and sends the rest as answers come", async () => {
    let onWire = 0;
    let most = 0;
    const stream = await open(
      (call) => {
        call.on("data", (operation: QuotaOperation) => {
          most = Math.max(most, (onWire += 1));
          setImmediate(() => {
            onWire -= 1;
            answer(call, operation);
          });
        });
        call.on("end", () => call.end());
      },
      { maxInFlight: 8 },
    );
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
    const answers = await Promise.all(keys.map((key) => stream.reserve(reserveInput(key))));
    assert.deepEqual(
      answers.map(({ reservation }) => reservation.reservationId),
      keys.map((key) => `rsv_${key}`),
    );
    assert.ok(most <= 8, `${most} were on the wire`);
    await stream.close();
  });

  it("gives a refused operation as an error, and goes on", async () => {
    const stream = await open((call) => {
      call.on("data", (operation: QuotaOperation) => {
        const fault = new Fault(Code.RESOURCE_EXHAUSTED, "no", { reason: "QUOTA_INSUFFICIENT" });
        if (operation.operation?.value.idempotencyKey === "poor") refuse(call, operation, fault);
        else answer(call, operation);
      });
    });
    const poor = await stream.reserve(reserveInput("poor")).catch(toBillingError);
    assert.ok(isReason(poor, "QUOTA_INSUFFICIENT"));
    const rich = await stream.reserve(reserveInput("rich"));
    assert.equal(rich.reservation.reservationId, "rsv_rich");
  });

  it("repeats a busy operation with the same key", async () => {
    const keys: (string | undefined)[] = [];
    const stream = await open((call) => {
      call.on("data", (operation: QuotaOperation) => {
        keys.push(operation.operation?.value.idempotencyKey);
        const busy = new Fault(Code.ABORTED, "locked", { reason: "ACCOUNT_BUSY", retryDelayMs: 1 });
        if (keys.length < 3) refuse(call, operation, busy);
        else answer(call, operation);
      });
    });
    await stream.reserve(reserveInput("a"));
    assert.deepEqual(keys, ["a", "a", "a"]);
  });

  it("sends again with the same keys what a broken stream has left unanswered", async () => {
    const seen: string[][] = [];
    const stream = await open((call, index) => {
      const keys: string[] = [];
      seen.push(keys);
      call.on("data", (operation: QuotaOperation) => {
        keys.push(operation.operation!.value.idempotencyKey);
        // The first stream answers two of five and breaks.
        if (index === 1 && keys.length <= 2) answer(call, operation);
        if (index === 1 && keys.length === 5) fail(call, Code.UNAVAILABLE);
        if (index > 1) answer(call, operation, true);
      });
      call.on("end", () => call.end());
    });
    const keys = ["a", "b", "c", "d", "e"];
    const answers = await Promise.all(keys.map((key) => stream.reserve(reserveInput(key))));
    assert.deepEqual(
      answers.map(({ reservation }) => reservation.reservationId),
      keys.map((key) => `rsv_${key}`),
    );
    assert.deepEqual(seen[0], keys);
    const again = seen.slice(1).flat();
    assert.ok(
      ["c", "d", "e"].every((key) => again.includes(key)),
      `sent again: ${again.join()}`,
    );
    await stream.close();
  });

  it("outlives the service: what its death has left unanswered goes to the next one", async () => {
    const ended = Promise.withResolvers<void>();
    const stream = await open((call) => {
      call.on("data", (operation: QuotaOperation) => {
        if (operation.operation?.value.idempotencyKey === "last") ended.resolve(server.stop());
        else if (operation.operation?.value.idempotencyKey === "first") answer(call, operation);
      });
    });
    const [first, middle, last] = ["first", "middle", "last"].map((key) =>
      stream.reserve(reserveInput(key)),
    );
    await first;
    const port = Number(server.address.split(":")[1]);
    await ended.promise;
    server = await startScriptedServer(
      () => undefined,
      (call) => call.on("data", (operation: QuotaOperation) => answer(call, operation, true)),
      port,
    );
    assert.equal((await middle!).replayed, true);
    assert.equal((await last!).replayed, true);
  });

  it("opens the stream anew when the service ends it or falls silent", async () => {
    const stream = await open(
      (call, index) => {
        if (index === 1) call.end();
        // The second takes everything and says nothing.
        call.on("data", (operation: QuotaOperation) => {
          if (index > 2) answer(call, operation);
        });
      },
      { stallMs: 50 },
    );
    const { reservation } = await stream.reserve(reserveInput("a"));
    assert.equal(reservation.reservationId, "rsv_a");
  });

  it("fails what waits when the stream itself is refused", async () => {
    const stream = await open((call) => fail(call, Code.UNAUTHENTICATED));
    const outcomes = await Promise.allSettled([
      stream.reserve(reserveInput("a")),
      stream.reserve(reserveInput("b")),
    ]);
    for (const outcome of outcomes) {
      assert.equal(outcome.status, "rejected");
      assert.equal(toBillingError(outcome.reason).code, Code.UNAUTHENTICATED);
    }
  });

  it("fails an operation that gets no answer in time; the others go on", async () => {
    const stream = await open(
      (call) => {
        call.on("data", (operation: QuotaOperation) => {
          if (operation.operation?.value.idempotencyKey !== "lost") answer(call, operation);
        });
      },
      { deadlineMs: 300, maxInFlight: 1 },
    );
    const lost = stream.reserve(reserveInput("lost")).catch(toBillingError);
    const error = await lost;
    assert.ok(error instanceof Error && toBillingError(error).code === Code.DEADLINE_EXCEEDED);
    const { reservation } = await stream.reserve(reserveInput("next"));
    assert.equal(reservation.reservationId, "rsv_next");
  });

  it("takes nothing after it was closed, and ends all that it had taken before", async () => {
    const stream = await open((call) => {
      call.on("data", (operation: QuotaOperation) => setImmediate(() => answer(call, operation)));
      call.on("end", () => call.end());
    });
    const before = stream.reserve(reserveInput("a"));
    const closed = stream.close();
    await assert.rejects(stream.reserve(reserveInput("b")), /closed/);
    assert.equal((await before).reservation.reservationId, "rsv_a");
    await closed;
  });
});
