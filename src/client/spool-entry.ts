/**
 * What waits in the spool: one call as JSON, with a checksum, so that a torn file is told from a
 * whole one.
 */
import { createHash } from "node:crypto";

import { REFUND_REASONS, type CommitInput, type RefundInput } from "./requests.ts";

/** A call that must happen, whenever that will be. */
export type SpoolEntry =
  | { readonly method: "RefundQuota"; readonly createTimeMs: number; readonly input: RefundInput }
  | { readonly method: "CommitQuota"; readonly createTimeMs: number; readonly input: CommitInput };

/** Why an entry lies among the dead. */
export interface Burial {
  /** The service's reason, such as `REFUND_NOT_ELIGIBLE`. */
  readonly reason: string;
  readonly message: string;
  readonly timeMs: number;
}

export interface SpoolFile {
  readonly entry: SpoolEntry;
  /** Absent while there is hope. */
  readonly burial?: Burial;
}

/** A file that is no entry: torn, rotten, or written by something else. */
export class CorruptEntryError extends Error {
  override readonly name = "CorruptEntryError";
}

/**
 * The longest file that is read. An entry has two ids, a key and at most 1255 characters of text,
 * each of up to 6 bytes as JSON: half of this.
 */
export const ENTRY_MAX_BYTES = 16_384;
const VERSION = 1;

/** @throws RangeError when the entry's words are longer than the service takes */
export function encodeEntry(entry: SpoolEntry, burial?: Burial): Buffer {
  const json = JSON.stringify(entry, (_key, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );
  const file = { version: VERSION, sha256: checksum(json), entry: json, ...(burial && { burial }) };
  const bytes = Buffer.from(`${JSON.stringify(file)}\n`);
  if (bytes.length <= ENTRY_MAX_BYTES) return bytes;
  throw new RangeError(`a spool entry has at most ${ENTRY_MAX_BYTES} bytes`);
}

/** @throws CorruptEntryError */
export function decodeEntry(bytes: Buffer): SpoolFile {
  try {
    const file: unknown = JSON.parse(bytes.toString("utf8"));
    if (!isRecord(file) || file["version"] !== VERSION || typeof file["entry"] !== "string") {
      throw new CorruptEntryError("not a spool entry of this version");
    }
    if (file["sha256"] !== checksum(file["entry"])) {
      throw new CorruptEntryError("the checksum differs");
    }
    const entry = readEntry(JSON.parse(file["entry"]));
    return isRecord(file["burial"]) ? { entry, burial: readBurial(file["burial"]) } : { entry };
  } catch (error) {
    if (error instanceof CorruptEntryError) throw error;
    throw new CorruptEntryError("not JSON", { cause: error });
  }
}

function readEntry(value: unknown): SpoolEntry {
  const { method, createTimeMs, input } = asRecord(value);
  if (typeof createTimeMs !== "number") throw new CorruptEntryError("the entry has no time");
  if (method === "CommitQuota") return { method, createTimeMs, input: readCommit(asRecord(input)) };
  if (method === "RefundQuota") return { method, createTimeMs, input: readRefund(asRecord(input)) };
  throw new CorruptEntryError("the entry has no method");
}

function readCommit(input: Fields): CommitInput {
  const amount = optional(input, "actualAmount");
  if (amount !== undefined && !/^\d{1,19}$/.test(amount)) {
    throw new CorruptEntryError("actualAmount");
  }
  return {
    idempotencyKey: text(input, "idempotencyKey"),
    reservationId: text(input, "reservationId"),
    actualAmount: amount === undefined ? undefined : BigInt(amount),
  };
}

function readRefund(input: Fields): RefundInput {
  const reason = REFUND_REASONS.find((name) => name === input["reason"]);
  if (reason === undefined) throw new CorruptEntryError("reason");
  const reservationId = optional(input, "reservationId");
  const target =
    reservationId === undefined
      ? { taskId: text(input, "taskId"), userId: optional(input, "userId") }
      : { reservationId };
  return {
    idempotencyKey: text(input, "idempotencyKey"),
    ...target,
    reason,
    failedStep: optional(input, "failedStep"),
    detail: optional(input, "detail"),
  };
}

function readBurial(burial: Fields): Burial {
  const { timeMs } = burial;
  return {
    reason: text(burial, "reason"),
    message: text(burial, "message"),
    timeMs: typeof timeMs === "number" ? timeMs : 0,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function asRecord(value: unknown): Fields {
  if (isRecord(value)) return value;
  throw new CorruptEntryError("not an object");
}

function text(fields: Fields, name: string): string {
  const value = optional(fields, name);
  if (value !== undefined) return value;
  throw new CorruptEntryError(`${name} is missing`);
}

function optional(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || typeof value === "string") return value;
  throw new CorruptEntryError(`${name} is no text`);
}

function checksum(json: string): string {
  return createHash("sha256").update(json).digest("hex");
}
