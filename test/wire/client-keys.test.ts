import assert from "node:assert/strict";

import * as fc from "fast-check";

import { isLoopback, resolveOptions } from "../../src/client/options.ts";
import {
  commitKey,
  heartbeatKeys,
  refundKey,
  reserveKey,
  taskRefundKey,
} from "../../src/client/keys.ts";
import { faultOf, StepFailedError } from "../../src/client/refund-reason.ts";
import { fitDetail, fitStep } from "../../src/client/words.ts";

const ID_CHARS = "AZaz09._:-".split("");
const id = fc
  .tuple(fc.constantFrom("A", "z", "7"), fc.array(fc.constantFrom(...ID_CHARS), { maxLength: 62 }))
  .map(([first, rest]) => first + rest.join(""));
const holdName = fc.record({
  userId: id,
  taskId: id,
  featureId: id,
  attempt: fc.integer({ min: 1, max: 99 }),
});
const KEY = /^[\x21-\x7e]{1,128}$/;

describe("idempotency keys", () => {
  it("are what the service takes as a key, however long the ids are", () => {
    fc.assert(
      fc.property(holdName, fc.string(), (name, detail) => {
        const words = { reason: "TIMEOUT", failedStep: "s", detail };
        const keys = [reserveKey(name), commitKey(name.taskId), refundKey(name.taskId, words)];
        for (const key of [...keys, taskRefundKey(name.taskId), heartbeatKeys(name.taskId)()]) {
          assert.match(key, KEY);
        }
      }),
    );
  });

  it("are the same for the same hold, and different for any other", () => {
    fc.assert(
      fc.property(holdName, holdName, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        assert.equal(reserveKey(one), reserveKey({ ...one }));
        assert.equal(reserveKey(one) === reserveKey(other), isSame);
      }),
    );
  });

  it("tell tasks apart whose ids run together", () => {
    const one = { userId: "u", taskId: "a:b", featureId: "c", attempt: 1 };
    const other = { userId: "u", taskId: "a", featureId: "b:c", attempt: 1 };
    assert.notEqual(reserveKey(one), reserveKey(other));
  });

  it("differ for a refund with other words, since the same key with other content is refused", () => {
    const words = { reason: "STEP_FAILED", failedStep: "render", detail: "out of memory" };
    assert.equal(refundKey("rsv_1", words), refundKey("rsv_1", { ...words }));
    assert.notEqual(
      refundKey("rsv_1", words),
      refundKey("rsv_1", { ...words, failedStep: "upload" }),
    );
    assert.notEqual(refundKey("rsv_1", words), refundKey("rsv_2", words));
  });

  it("are new for each refund of a task, which may fail again with a new hold", () => {
    assert.notEqual(taskRefundKey("t1"), taskRefundKey("t1"));
  });

  it("are new for each heartbeat", () => {
    const next = heartbeatKeys("rsv_1");
    const keys = new Set([next(), next(), heartbeatKeys("rsv_1")()]);
    assert.equal(keys.size, 3);
  });
});

describe("words of a refund", () => {
  it("never have what the service refuses in a text, nor more of it than it takes", () => {
    const forbidden = /[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFD]/u;
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 3_000 }), (text) => {
        assert.doesNotMatch(fitDetail(text), forbidden);
        assert.ok(Array.from(fitDetail(text)).length <= 1_000);
        assert.ok(Array.from(fitStep(text)).length <= 255);
      }),
    );
  });

  it("keep what people can read", () => {
    assert.equal(
      fitDetail("\u001b[31mffmpeg: 内存不足\u001b[0m\nexit 137\ud800"),
      "[31mffmpeg: 内存不足 [0m exit 137",
    );
    assert.equal(Array.from(fitStep("渲".repeat(300))).length, 255);
  });
});

describe("the fault behind an error", () => {
  const coded = (code: string): Error => Object.assign(new Error("x"), { code });

  it("is a timeout, an upstream's, the system's or a step's, by what was thrown", () => {
    const expected: [unknown, string][] = [
      [new DOMException("took too long", "TimeoutError"), "TIMEOUT"],
      [coded("ETIMEDOUT"), "TIMEOUT"],
      [new TypeError("fetch failed", { cause: coded("ECONNREFUSED") }), "UPSTREAM_ERROR"],
      [new TypeError("fetch failed", { cause: coded("UND_ERR_HEADERS_TIMEOUT") }), "TIMEOUT"],
      [Object.assign(new Error("14"), { code: 14, details: "" }), "UPSTREAM_ERROR"],
      [Object.assign(new Error("4"), { code: 4, details: "" }), "TIMEOUT"],
      [new TypeError("x is undefined"), "SYSTEM_ERROR"],
      [new Error("ffmpeg exit 1"), "STEP_FAILED"],
      ["a string", "STEP_FAILED"],
      [undefined, "STEP_FAILED"],
    ];
    for (const [thrown, reason] of expected) {
      assert.equal(faultOf(thrown).reason, reason, String(thrown));
    }
  });

  it("names the step that a StepFailedError names, also when it is wrapped", () => {
    const step = new StepFailedError("upscale", "vendor said 500", { reason: "UPSTREAM_ERROR" });
    const fault = faultOf(new Error("pipeline", { cause: step }));
    assert.deepEqual(fault, {
      reason: "UPSTREAM_ERROR",
      failedStep: "upscale",
      detail: "Error: pipeline",
    });
  });

  it("is found in a circle of causes too", () => {
    const error = new Error("a");
    error.cause = error;
    assert.equal(faultOf(error).reason, "STEP_FAILED");
  });
});

describe("connect options", () => {
  it("are refused at the start, by name, when they contradict each other or leave their range", () => {
    const address = "127.0.0.1:1";
    const wrong: [Parameters<typeof resolveOptions>[0], RegExp][] = [
      [{ address: " " }, /address/],
      [{ address, token: "" }, /token/],
      [{ address: "billing:50051", token: "secret" }, /token needs tls/],
      [{ address, tls: { certPem: Buffer.from("x") } }, /certPem and tls\.keyPem/],
      [{ address, callerDeadlineMs: 0 }, /callerDeadlineMs/],
      [{ address, callerDeadlineMs: Number.NaN }, /callerDeadlineMs/],
      [{ address, attemptDeadlineMs: 1.5 }, /attemptDeadlineMs/],
      [{ address, channels: 65 }, /channels/],
      [{ address, retry: { maxAttempts: 0 } }, /retry\.maxAttempts/],
      [{ address, retry: { maxBackoffMs: -1 } }, /retry\.maxBackoffMs/],
      [{ address, retry: { backoffMultiplier: 0.5 } }, /retry\.backoffMultiplier/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(() => resolveOptions(options), { name: "TypeError", message });
    }
  });

  it("send a token without TLS only where no other machine can hear it, or where that is asked for", () => {
    for (const address of [
      "localhost:1",
      "127.0.0.1:1",
      "127.8.8.8:1",
      "[::1]:1",
      "dns:///localhost:1",
      "unix:/run/b",
    ]) {
      assert.equal(isLoopback(address), true, address);
    }
    for (const address of [
      "10.0.0.1:1",
      "127.0.0.1.example.com:1",
      "localhost.example.com:1",
      "billing:1",
    ]) {
      assert.equal(isLoopback(address), false, address);
    }
    resolveOptions({ address: "billing:1", token: "secret", allowPlaintext: true });
  });
});
