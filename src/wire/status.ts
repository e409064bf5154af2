/** Whatever was thrown becomes a google.rpc.Status here, by the table in reasons.ts. */
import { Metadata, type status, type StatusObject } from "@grpc/grpc-js";
import { BadField, Refusal, type Facts, type FieldViolation } from "../billing/refusal.ts";
import type { Duration } from "../gen/google/protobuf/duration.ts";
import {
  BadRequest,
  ErrorInfo,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from "../gen/google/rpc/error_details.ts";
import { Status } from "../gen/google/rpc/status.ts";
import type { Log } from "../telemetry/observer.ts";
import { REASONS, type Quota, type ReasonRule, type Resource, type WireReason } from "./reasons.ts";

export const ERROR_DOMAIN = "billing-guard";
const LOCALE = "zh-CN";
/** All that a caller hears of a fault of ours: the cause is for our log. */
const INTERNAL_TEXT = "internal error; its cause is in the server's log under the request id";

/**
 * BadRequest lists every bad field; the message, which travels beside it, tells of the first few.
 */
const MESSAGE_MAX = 512;

/** A "no" of the wire itself, before or beside the business. */
export class WireRefusal extends Error {
  override readonly name = "WireRefusal";
  readonly reason: Exclude<WireReason, "INVALID_FIELD" | "INTERNAL">;
  readonly facts: Facts;

  constructor(reason: WireRefusal["reason"], message: string, facts: Facts = {}) {
    super(message);
    this.reason = reason;
    this.facts = facts;
  }
}

/** Where an error happened, for the log line of an unknown one. */
export interface Occasion {
  readonly path: string;
  /** Asked for only where it's needed. */
  requestId(): string;
  readonly caller: string;
  readonly log: Log;
}

export interface Failure {
  readonly code: status;
  readonly reason: WireReason;
  readonly message: string;
  readonly details: Status["details"];
}

/**
 * What a thrown value means to the caller. An unknown one is INTERNAL, and its cause goes to the
 * log.
 */
export function failureOf(error: unknown, occasion: Occasion): Failure {
  if (error instanceof Refusal) {
    return failure(error.reason, error.message, error.facts, {
      violations: error.violations.map((violation) => ({ ...violation })),
      retryAfterMs: error.retryAfterMs,
    });
  }
  if (error instanceof BadField) {
    const message = shortened(error.message);
    return failure("INVALID_FIELD", message, {}, { fields: error.violations });
  }
  if (error instanceof WireRefusal) return failure(error.reason, error.message, error.facts);
  const requestId = occasion.requestId();
  const { path, caller, log } = occasion;
  log.error({ err: error, requestId, method: path, caller }, "a call failed for a fault of ours");
  return failure("INTERNAL", INTERNAL_TEXT, { requestId });
}

/** The failure as google.rpc.Status: what an operation of a stream is answered with. */
export function statusMessage({ code, message, details }: Failure): Status {
  return { code, message, details };
}

/** The failure as the end of a call, with the Status in its trailer. */
export function statusObject(failed: Failure): StatusObject {
  const metadata = new Metadata();
  const bytes = Status.encode(statusMessage(failed)).finish();
  metadata.set("grpc-status-details-bin", Buffer.from(bytes));
  return { code: failed.code, details: failed.message, metadata };
}

/** The sentence, and a delay where waiting helps: how CheckQuota tells a refusal as data. */
export function durationOf(ms: number): Duration {
  const whole = Math.ceil(ms);
  return { seconds: BigInt(Math.floor(whole / 1_000)), nanos: (whole % 1_000) * 1_000_000 };
}

interface More {
  readonly fields?: readonly FieldViolation[];
  readonly violations?: PreconditionFailure["violations"];
  readonly retryAfterMs?: number | undefined;
}

function failure(reason: WireReason, message: string, facts: Facts, more: More = {}): Failure {
  const rule: ReasonRule = REASONS[reason];
  const metadata = new Map(Object.entries(facts));
  const details = [
    pack("ErrorInfo", ErrorInfo, { reason, domain: ERROR_DOMAIN, metadata }),
    ...detailOf(reason, rule, message, facts, more),
  ];
  const retryAfterMs = more.retryAfterMs ?? rule.retryAfterMs;
  if (retryAfterMs !== undefined) {
    details.push(pack("RetryInfo", RetryInfo, { retryDelay: durationOf(retryAfterMs) }));
  }
  details.push(pack("LocalizedMessage", LocalizedMessage, { locale: LOCALE, message: rule.zh }));
  return { code: rule.code, reason, message, details };
}

function detailOf(
  reason: WireReason,
  { detail }: ReasonRule,
  message: string,
  facts: Facts,
  more: More,
): Status["details"] {
  switch (detail?.kind) {
    case undefined:
      return [];
    case "FIELDS":
      return [
        pack("BadRequest", BadRequest, { fieldViolations: fieldViolations(more.fields ?? []) }),
      ];
    case "QUOTA":
      return [pack("QuotaFailure", QuotaFailure, quotaFailure(reason, detail, message, facts))];
    case "PRECONDITION": {
      const subject = detail.subject === undefined ? "" : nameOf(detail.subject, facts);
      const given = more.violations ?? [];
      const violations =
        given.length > 0 ? given : [{ type: reason, subject, description: message }];
      return [pack("PreconditionFailure", PreconditionFailure, { violations })];
    }
    case "RESOURCE": {
      const { type: resourceType } = detail.resource;
      const resourceName = nameOf(detail.resource, facts);
      const info = { resourceType, resourceName, owner: "", description: message };
      return [pack("ResourceInfo", ResourceInfo, info)];
    }
    case "REQUEST":
      return [
        pack("RequestInfo", RequestInfo, { requestId: facts["requestId"] ?? "", servingData: "" }),
      ];
    default:
      return detail satisfies never;
  }
}

function fieldViolations(fields: readonly FieldViolation[]): BadRequest["fieldViolations"] {
  return fields.map(({ field, rule }) => ({
    field,
    description: rule,
    reason: "",
    localizedMessage: undefined,
  }));
}

function quotaFailure(
  reason: WireReason,
  { metric, limit }: Quota,
  message: string,
  facts: Facts,
): QuotaFailure {
  const violation = {
    subject: `users/${facts["userId"] ?? ""}`,
    description: message,
    apiService: ERROR_DOMAIN,
    quotaMetric: metric,
    quotaId: reason,
    quotaDimensions: new Map(Object.entries(facts)),
    quotaValue: BigInt((limit === undefined ? undefined : facts[limit]) ?? 0),
  };
  return { violations: [violation] };
}

function shortened(message: string): string {
  return message.length <= MESSAGE_MAX ? message : `${message.slice(0, MESSAGE_MAX)}...`;
}

function nameOf({ facts: keys }: Resource, facts: Facts): string {
  for (const key of keys) {
    const name = facts[key];
    if (name !== undefined) return name;
  }
  return "";
}

interface Encoder<Message> {
  encode(message: Message): { finish(): Uint8Array };
}

function pack<Message>(name: string, type: Encoder<Message>, message: Message) {
  return {
    typeUrl: `type.googleapis.com/google.rpc.${name}`,
    value: Buffer.from(type.encode(message).finish()),
  };
}
