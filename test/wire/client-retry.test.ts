import assert from "node:assert/strict";

import { status as Code } from "@grpc/grpc-js";
import * as fc from "fast-check";

import {
  afterFailure,
  afterSuccess,
  backoffMs,
  budgetAllows,
  DEFAULT_RETRY,
  fullBudget,
  isRepeatable,
  pauseBeforeRetryMs,
  type Failure,
} from "../../src/client/retry.ts";
import { ErrorReason } from "../../src/gen/billing/error/v1/error_reason.ts";

function failure(code: Code, reason?: string, retryDelayMs?: number, message = ""): Failure {
  return { code, reason, retryDelayMs, message };
}

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const code = fc.constantFrom(...Object.values(Code).filter((value) => typeof value === "number"));
const reason = fc.option(fc.constantFrom(...Object.keys(ErrorReason)), { nil: undefined });
const anyFailure = fc.record({
  code,
  reason,
  retryDelayMs: fc.option(fc.nat(100_000), { nil: undefined }),
  message: fc.string(),
});

describe("retry policy", () => {
  it("repeats what the network or a busy server has kept from being answered", () => {
    const repeatable = [
      failure(Code.UNAVAILABLE),
      failure(Code.UNAVAILABLE, "DRAINING"),
      failure(Code.UNAVAILABLE, "DATABASE_UNAVAILABLE", 200),
      failure(Code.DEADLINE_EXCEEDED),
      failure(Code.CANCELLED),
      failure(Code.ABORTED, "ACCOUNT_BUSY", 50),
      failure(Code.RESOURCE_EXHAUSTED, "OVERLOADED", 100),
      failure(Code.RESOURCE_EXHAUSTED, "FLOOD_LIMITED", 1_000),
      failure(Code.INTERNAL, undefined, undefined, "Received RST_STREAM with code 0"),
    ];
    for (const each of repeatable) assert.equal(isRepeatable(each), true, JSON.stringify(each));
  });

  it("never repeats what the business has refused, even where a time is given", () => {
    const refused = [
      failure(Code.RESOURCE_EXHAUSTED, "QUOTA_INSUFFICIENT"),
      failure(Code.RESOURCE_EXHAUSTED, "RATE_LIMITED", 1),
      failure(Code.RESOURCE_EXHAUSTED, "COOLDOWN_ACTIVE", 1),
      failure(Code.RESOURCE_EXHAUSTED, "IN_FLIGHT_LIMITED", 1),
      failure(Code.RESOURCE_EXHAUSTED, "FLOOD_LIMITED"),
      failure(Code.RESOURCE_EXHAUSTED),
      failure(Code.ABORTED),
      failure(Code.INTERNAL, "INTERNAL", undefined, "Received RST_STREAM with code 2"),
      failure(Code.INTERNAL),
      failure(Code.FAILED_PRECONDITION, "REFUND_NOT_ELIGIBLE", 1),
      failure(Code.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED"),
      failure(Code.INVALID_ARGUMENT, "INVALID_FIELD"),
      failure(Code.UNAUTHENTICATED, "UNAUTHENTICATED"),
      failure(Code.PERMISSION_DENIED, "PERMISSION_DENIED"),
      failure(Code.UNKNOWN),
      failure(99 as Code),
    ];
    for (const each of refused) assert.equal(isRepeatable(each), false, JSON.stringify(each));
  });

  it("pauses at random between nothing and an upper end that doubles up to its cap", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), random, (attempt, chance) => {
        const pauseMs = backoffMs(DEFAULT_RETRY, attempt, chance);
        const widestMs = Math.min(5_000, 100 * 2 ** (attempt - 1));
        assert.ok(pauseMs >= 0 && pauseMs < widestMs + 1e-9);
        assert.equal(pauseMs, chance * widestMs);
      }),
    );
  });

  it("never comes back before the time that the service asked for, nor after the deadline", () => {
    fc.assert(
      fc.property(
        anyFailure,
        fc.integer({ min: 1, max: 20 }),
        fc.nat(20_000),
        random,
        (each, attempts, remainingMs, chance) => {
          const tried = { attempts, remainingMs, random: chance, hasBudget: true };
          const pauseMs = pauseBeforeRetryMs(DEFAULT_RETRY, each, tried);
          if (pauseMs === undefined) return;
          assert.ok(isRepeatable(each) && attempts < DEFAULT_RETRY.maxAttempts);
          assert.ok(pauseMs >= (each.retryDelayMs ?? 0) && pauseMs < remainingMs);
        },
      ),
    );
  });

  it("gives up without a budget, and at the last attempt", () => {
    const down = failure(Code.UNAVAILABLE);
    const tried = { attempts: 1, remainingMs: 10_000, random: 0.5, hasBudget: true };
    assert.equal(pauseBeforeRetryMs(DEFAULT_RETRY, down, tried), 50);
    assert.equal(
      pauseBeforeRetryMs(DEFAULT_RETRY, down, { ...tried, hasBudget: false }),
      undefined,
    );
    assert.equal(pauseBeforeRetryMs(DEFAULT_RETRY, down, { ...tried, attempts: 8 }), undefined);
  });

  it("stops a storm: a service that is down costs each client a bounded number of repetitions", () => {
    let tokens = fullBudget(DEFAULT_RETRY);
    let repetitions = 0;
    for (let call = 0; call < 10_000; call++) {
      if (budgetAllows(DEFAULT_RETRY, tokens)) repetitions += 1;
      tokens = afterFailure(DEFAULT_RETRY, tokens, failure(Code.UNAVAILABLE));
    }
    assert.equal(repetitions, 50);
    let answers = 0;
    for (; !budgetAllows(DEFAULT_RETRY, tokens); answers++) {
      tokens = afterSuccess(DEFAULT_RETRY, tokens);
    }
    assert.ok(answers >= 500 && answers <= 502, `repetitions came back after ${answers} answers`);
  });

  it("takes a refusal for an answer: it costs no budget", () => {
    const refusal = failure(Code.RESOURCE_EXHAUSTED, "QUOTA_INSUFFICIENT");
    fc.assert(
      fc.property(fc.double({ min: 0, max: 100, noNaN: true }), (tokens) => {
        const after = afterFailure(DEFAULT_RETRY, tokens, refusal);
        assert.ok(after >= tokens && after <= DEFAULT_RETRY.budgetTokens);
      }),
    );
  });
});
