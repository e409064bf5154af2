/**
 * What may be sent again, when, and how often: pure functions, without a clock or a network.
 *
 * Every mutating call bears an idempotency key and every repetition bears the same one, so a call
 * whose outcome is unknown is safe to send again: it happens once, and the first answer comes back.
 * What decides is therefore only whether repeating can help.
 */
import { status as Code } from "@grpc/grpc-js";

import type { BillingError } from "./errors.ts";

/** How patient a client is. All times are milliseconds. */
export interface RetryPolicy {
  /** Attempts at most, the first one included; from 1 to 100. */
  readonly maxAttempts: number;
  /** The upper end of the first pause. */
  readonly initialBackoffMs: number;
  /** The upper end of any pause that the service did not ask for. */
  readonly maxBackoffMs: number;
  /** How much wider each pause may be than the one before; at least 1. */
  readonly backoffMultiplier: number;
  /** The size of the retry budget: each failure takes one token. */
  readonly budgetTokens: number;
  /** What each success gives back, in tokens. */
  readonly budgetRefill: number;
}

/**
 * Eight attempts with pauses of up to 5 s outlast the restart of a server; the deadline of the call
 * usually ends it first. The budget is that of the gRPC retry design: once a client has seen about
 * fifty failures more than successes can pay for, it stops repeating until things work again.
 */
export const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 8,
  initialBackoffMs: 100,
  maxBackoffMs: 5_000,
  backoffMultiplier: 2,
  budgetTokens: 100,
  budgetRefill: 0.1,
};

/** The part of an error that decides. */
export type Failure = Pick<BillingError, "code" | "reason" | "retryDelayMs" | "message">;

/**
 * Reasons that tell of load and not of business; they bear RESOURCE_EXHAUSTED only with RetryInfo.
 */
const LOAD_REASONS: ReadonlySet<string | undefined> = new Set(["OVERLOADED", "FLOOD_LIMITED"]);

/**
 * How grpc-js reports that something between here and the service cut the stream before a status
 * came: as INTERNAL, in these words. The service's own INTERNAL has a reason.
 */
const CUT_STREAM = /^Received RST_STREAM with code/;

/**
 * Whether sending the same request with the same key again can help. It never can where the
 * business said no: exhausted quota, a limit or a cooldown is the caller's to know, even where the
 * service says when it would pass.
 */
export function isRepeatable({ code, reason, retryDelayMs, message }: Failure): boolean {
  switch (code) {
    case Code.UNAVAILABLE:
    // Only attempts that the caller did not give up come here, so transport or server did.
    case Code.CANCELLED:
    case Code.DEADLINE_EXCEEDED:
      return true;
    case Code.ABORTED:
      return reason === "ACCOUNT_BUSY";
    case Code.RESOURCE_EXHAUSTED:
      return LOAD_REASONS.has(reason) && retryDelayMs !== undefined;
    case Code.INTERNAL:
      return reason === undefined && CUT_STREAM.test(message);
    case Code.OK:
    case Code.UNKNOWN:
    case Code.INVALID_ARGUMENT:
    case Code.NOT_FOUND:
    case Code.ALREADY_EXISTS:
    case Code.PERMISSION_DENIED:
    case Code.FAILED_PRECONDITION:
    case Code.OUT_OF_RANGE:
    case Code.UNIMPLEMENTED:
    case Code.DATA_LOSS:
    case Code.UNAUTHENTICATED:
      return false;
    default:
      // A code that gRPC doesn't have: nothing says that repeating would help.
      return false;
  }
}

/**
 * The pause after the given attempt: anything from 0 to an upper end that grows exponentially
 * ("full jitter"), so that many clients that failed at once don't come back at once.
 * @param attempt the attempt that failed, from 1
 * @param random from 0 up to 1
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  const widest = policy.initialBackoffMs * policy.backoffMultiplier ** (attempt - 1);
  return random * Math.min(policy.maxBackoffMs, widest);
}

/** What has been tried of one call. */
export interface Attempted {
  /** How many attempts have failed, from 1. */
  readonly attempts: number;
  /** How much of the call's total deadline is left, in milliseconds. */
  readonly remainingMs: number;
  /** From 0 up to 1. */
  readonly random: number;
  /** Whether the budget has tokens for a repetition. */
  readonly hasBudget: boolean;
}

/**
 * The pause before the next attempt in milliseconds, or undefined when there must be none. A pause
 * that the service asked for is kept in full, with the jitter on top.
 */
export function pauseBeforeRetryMs(
  policy: RetryPolicy,
  failure: Failure,
  { attempts, remainingMs, random, hasBudget }: Attempted,
): number | undefined {
  if (!isRepeatable(failure) || attempts >= policy.maxAttempts || !hasBudget) return undefined;
  const pauseMs = (failure.retryDelayMs ?? 0) + backoffMs(policy, attempts, random);
  // Waiting for a deadline that will have passed helps nobody.
  return pauseMs < remainingMs ? pauseMs : undefined;
}

/** Tokens left of a retry budget; a fraction. */
export type BudgetTokens = number;

/** A full budget. */
export function fullBudget(policy: RetryPolicy): BudgetTokens {
  return policy.budgetTokens;
}

/** Failures that tell of a service in trouble cost a token; a refusal is a healthy answer. */
export function afterFailure(
  policy: RetryPolicy,
  tokens: BudgetTokens,
  failure: Failure,
): BudgetTokens {
  return isRepeatable(failure) ? Math.max(0, tokens - 1) : afterSuccess(policy, tokens);
}

/** An answer gives back a part of a token. */
export function afterSuccess(policy: RetryPolicy, tokens: BudgetTokens): BudgetTokens {
  return Math.min(policy.budgetTokens, tokens + policy.budgetRefill);
}

/** Repetitions are allowed while more than half of the budget is there. */
export function budgetAllows(policy: RetryPolicy, tokens: BudgetTokens): boolean {
  return tokens > policy.budgetTokens / 2;
}
