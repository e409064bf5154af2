/**
 * What a call can end with, decoded: the reason and its facts, instead of a code and a sentence.
 * The service puts them into the trailer `grpc-status-details-bin` as a `google.rpc.Status`.
 */
import { status as Code, type Metadata, type ServiceError } from "@grpc/grpc-js";

import type { ErrorReason } from "../gen/billing/error/v1/error_reason.ts";
import type { Duration } from "../gen/google/protobuf/duration.ts";
import {
  BadRequest,
  ErrorInfo,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RetryInfo,
} from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";

/** Every reason of error_reason.proto, as it stands in `ErrorInfo.reason`. */
export type Reason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED" | "UNRECOGNIZED">;

/** The domain that the service's reasons belong to; a proxy's reasons have another one, or none. */
export const ERROR_DOMAIN = "billing-guard";

/** One thing that stands against a request. */
export interface Violation {
  /** Whether it is a field of the request, an exhausted quota, or a precondition. */
  readonly kind: "FIELD" | "QUOTA" | "PRECONDITION";
  /** The field's path, or what the quota or the precondition belongs to. */
  readonly subject: string;
  readonly description: string;
}

/** The canonical gRPC code, such as `status.UNAVAILABLE` of @grpc/grpc-js. */
export type CodeNumber = Code;

interface Facts {
  readonly code: CodeNumber;
  readonly message: string;
  readonly reason?: string | undefined;
  readonly metadata?: ReadonlyMap<string, string> | undefined;
  readonly retryDelayMs?: number | undefined;
  readonly violations?: readonly Violation[] | undefined;
  readonly localizedMessage?: string | undefined;
  readonly cause?: unknown;
}

/** A call that did not succeed. `isReason` tells which of the service's reasons it was. */
export class BillingError extends Error {
  override readonly name: string = "BillingError";
  readonly code: CodeNumber;
  /**
   * The service's reason, usually a `Reason`; a newer service may send one that this client has no
   * name for. Undefined when the service itself did not answer: a network fault, a proxy, a
   * deadline.
   */
  readonly reason: string | undefined;
  /** The facts that error_reason.proto lists for the reason. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * After how many milliseconds the service wants to be asked again; undefined when it didn't say.
   */
  readonly retryDelayMs: number | undefined;
  readonly violations: readonly Violation[];
  /** A sentence for an end user, in the language that the service chose; often undefined. */
  readonly localizedMessage: string | undefined;

  constructor(facts: Facts) {
    super(facts.message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.reason = facts.reason;
    this.metadata = facts.metadata ?? new Map();
    this.retryDelayMs = facts.retryDelayMs;
    this.violations = facts.violations ?? [];
    this.localizedMessage = facts.localizedMessage;
  }

  /** The name of the code, such as `UNAVAILABLE`. */
  get codeName(): string {
    return Code[this.code] ?? `CODE_${this.code}`;
  }
}

/** True when the error is the service's, and its reason is this one. */
export function isReason<R extends Reason>(
  error: unknown,
  reason: R,
): error is BillingError & { readonly reason: R } {
  return error instanceof BillingError && error.reason === reason;
}

/** Codes with which the service has decided: the same request won't be accepted by repeating it. */
const DECIDED: ReadonlySet<CodeNumber> = new Set([
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.ALREADY_EXISTS,
  Code.FAILED_PRECONDITION,
  Code.OUT_OF_RANGE,
]);

/**
 * True when the service itself said a definite no: nothing was changed, and the same request will
 * not pass later either. A missing permission and a fault of the network are not: they are cured
 * outside the request, so what was to be done is still to be done.
 */
export function isRefusal(error: unknown): error is BillingError & { readonly reason: string } {
  return error instanceof BillingError && error.reason !== undefined && DECIDED.has(error.code);
}

/** Decodes whatever a call of grpc-js failed with. What is not a status of gRPC becomes UNKNOWN. */
export function toBillingError(error: unknown): BillingError {
  if (error instanceof BillingError) return error;
  if (!isServiceError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return new BillingError({ code: Code.UNKNOWN, message, cause: error });
  }
  const { code, details } = error;
  return new BillingError({
    code,
    message: details === "" ? error.message : details,
    ...detailsOf(error.metadata),
    cause: error,
  });
}

/** Decodes the status of one operation of a stream. */
export function fromStatus({ code, message, details }: Status): BillingError {
  return new BillingError({ code, message, ...readable(() => details) });
}

/** Anything can be thrown; this is an Error in any case. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function isServiceError(error: unknown): error is ServiceError {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "number" &&
    "details" in error
  );
}

type Details = Omit<Facts, "code" | "message" | "cause">;

function detailsOf(metadata: Metadata | undefined): Details {
  const [bytes] = metadata?.get("grpc-status-details-bin") ?? [];
  return bytes === undefined || typeof bytes === "string"
    ? {}
    : readable(() => Status.decode(bytes).details);
}

/**
 * Details that can't be read are no reason to lose the code and the message that came with them.
 */
function readable(read: () => Status["details"]): Details {
  try {
    return readDetails(read());
  } catch {
    return {};
  }
}

function readDetails(details: Status["details"]): Details {
  const found: { -readonly [Key in keyof Details]: Details[Key] } = {};
  const violations: Violation[] = [];
  for (const { typeUrl, value } of details) {
    const type = typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
    if (type === "google.rpc.ErrorInfo") {
      const { domain, reason, metadata } = ErrorInfo.decode(value);
      if (domain === ERROR_DOMAIN) Object.assign(found, { reason, metadata });
    } else if (type === "google.rpc.RetryInfo") {
      found.retryDelayMs = millisecondsOf(RetryInfo.decode(value).retryDelay);
    } else if (type === "google.rpc.LocalizedMessage") {
      found.localizedMessage = LocalizedMessage.decode(value).message;
    } else {
      violations.push(...(VIOLATIONS[type]?.(value) ?? []));
    }
  }
  return { ...found, violations };
}

/**
 * How the violations of each kind of detail are read; other details inform people, not programs.
 */
const VIOLATIONS: Readonly<Record<string, (value: Uint8Array) => Violation[]>> = {
  "google.rpc.BadRequest": (value) =>
    BadRequest.decode(value).fieldViolations.map(({ field, description }) => ({
      kind: "FIELD",
      subject: field,
      description,
    })),
  "google.rpc.QuotaFailure": (value) =>
    QuotaFailure.decode(value).violations.map(({ subject, description }) => ({
      kind: "QUOTA",
      subject,
      description,
    })),
  "google.rpc.PreconditionFailure": (value) =>
    PreconditionFailure.decode(value).violations.map(({ subject, description }) => ({
      kind: "PRECONDITION",
      subject,
      description,
    })),
};

function millisecondsOf(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  return Math.max(0, Number(duration.seconds) * 1_000 + Math.ceil(duration.nanos / 1_000_000));
}
