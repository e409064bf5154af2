/** Why a failed task's quota goes back: what was thrown, in the words of the service. */
import { status as Code } from "@grpc/grpc-js";

import { BillingError } from "./errors.ts";
import type { RefundReason } from "./requests.ts";
import { fitDetail, fitStep } from "./words.ts";

/** What a refund says. */
export interface Fault {
  readonly reason: RefundReason;
  /** Empty when no step was named. */
  readonly failedStep: string;
  readonly detail: string;
}

/** Thrown by the work of a task to name the step that failed, and why if it isn't STEP_FAILED. */
export class StepFailedError extends Error {
  override readonly name = "StepFailedError";
  readonly step: string;
  readonly reason: RefundReason;

  constructor(
    step: string,
    message: string,
    more: { reason?: RefundReason; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.step = step;
    this.reason = more.reason ?? "STEP_FAILED";
  }
}

/** What Node and its fetch say when somebody else's server can't be reached or hangs up. */
const NETWORK_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "UND_ERR_SOCKET",
]);
const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
]);
/** Errors that only a fault of the program throws. */
const PROGRAM_FAULTS = [TypeError, RangeError, ReferenceError, SyntaxError, URIError, EvalError];
/** Errors name their causes; a chain longer than this is one that a program made by accident. */
const CAUSES_MAX = 8;

/** The fault behind whatever the work of a task threw. */
export function faultOf(thrown: unknown): Fault {
  const detail = fitDetail(
    thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown),
  );
  const chain = [...causesOf(thrown)];
  const step = chain.find((error) => error instanceof StepFailedError);
  if (step !== undefined) return { reason: step.reason, failedStep: fitStep(step.step), detail };
  return { reason: reasonOf(chain), failedStep: "", detail };
}

function reasonOf(chain: readonly unknown[]): RefundReason {
  // The root of the matter says more than what was wrapped around it.
  for (const error of chain.toReversed()) {
    const reason = plainReasonOf(error);
    if (reason !== undefined) return reason;
  }
  return PROGRAM_FAULTS.some((fault) => chain[0] instanceof fault) ? "SYSTEM_ERROR" : "STEP_FAILED";
}

function plainReasonOf(error: unknown): RefundReason | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = "code" in error ? error.code : undefined;
  if (error.name === "TimeoutError" || TIMEOUT_CODES.has(String(code))) return "TIMEOUT";
  if (NETWORK_CODES.has(String(code))) return "UPSTREAM_ERROR";
  const isStatus =
    error instanceof BillingError || ("details" in error && typeof code === "number");
  if (!isStatus) return undefined;
  if (code === Code.DEADLINE_EXCEEDED) return "TIMEOUT";
  return code === Code.UNAVAILABLE || code === Code.INTERNAL ? "UPSTREAM_ERROR" : undefined;
}

function* causesOf(thrown: unknown): Iterable<unknown> {
  let error = thrown;
  for (let depth = 0; depth < CAUSES_MAX && error !== undefined; depth++) {
    yield error;
    error = error instanceof Error ? error.cause : undefined;
  }
}
