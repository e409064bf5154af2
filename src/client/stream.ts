/**
 * Reserve, commit and refund over one stream. Each operation is a promise; many may wait, but no
 * more than a bound are on the wire. A stream that breaks is opened again, and what was not
 * answered is sent again with the same keys: whatever had happened is answered as the first time.
 */
import { status as Code } from "@grpc/grpc-js";

import { present, type CommitAnswer, type RefundAnswer, type ReserveAnswer } from "./answers.ts";
import type { Caller } from "./call.ts";
import { BillingError } from "./errors.ts";
import { OperationStream, type Result } from "./operation-stream.ts";
import {
  toCommitRequest,
  toRefundRequest,
  toReserveRequest,
  type CommitInput,
  type RefundInput,
  type ReserveInput,
} from "./requests.ts";

export interface QuotaStreamOptions {
  /**
   * Operations on the wire at once, from 1 to 1024 (the service reads no more); 256 when absent.
   */
  readonly maxInFlight?: number | undefined;
  /** How long an operation may take with all its repetitions; the client's deadline when absent. */
  readonly deadlineMs?: number | undefined;
  /**
   * Without any answer for this long the stream is opened anew; the attempt deadline when absent.
   */
  readonly stallMs?: number | undefined;
}

/** A stream of operations. Each method fails with a BillingError as its unary twin does. */
export interface QuotaStream {
  reserve(input: ReserveInput): Promise<ReserveAnswer>;
  commit(input: CommitInput): Promise<CommitAnswer>;
  refund(input: RefundInput): Promise<RefundAnswer>;
  /** Takes no more operations, waits until all have ended, and closes the stream. */
  close(): Promise<void>;
}

/** The service reads no further operation of a stream while this many are unanswered. */
const IN_FLIGHT_MAX = 1_024;
/** Enough to hide a round trip at tens of thousands of operations a second. */
const IN_FLIGHT_DEFAULT = 256;
/** @throws TypeError when `maxInFlight` is out of its range */
export function openQuotaStream(caller: Caller, options: QuotaStreamOptions = {}): QuotaStream {
  const { maxInFlight = IN_FLIGHT_DEFAULT } = options;
  if (!Number.isInteger(maxInFlight) || maxInFlight < 1 || maxInFlight > IN_FLIGHT_MAX) {
    throw new TypeError(`maxInFlight must be a whole number from 1 to ${IN_FLIGHT_MAX}`);
  }
  const { callerDeadlineMs, attemptDeadlineMs } = caller.config;
  const { deadlineMs = callerDeadlineMs, stallMs = attemptDeadlineMs } = options;
  const operations = new OperationStream(caller, { maxInFlight, deadlineMs, stallMs });
  return {
    async reserve(input) {
      const result = await operations.submit({ $case: "reserve", value: toReserveRequest(input) });
      if (result.$case !== "reserve") throw mismatch("reserve", result);
      return present(result.value, "reservation", "balance");
    },
    async commit(input) {
      const result = await operations.submit({ $case: "commit", value: toCommitRequest(input) });
      if (result.$case !== "commit") throw mismatch("commit", result);
      return present(result.value, "reservation", "balance");
    },
    async refund(input) {
      const result = await operations.submit({ $case: "refund", value: toRefundRequest(input) });
      if (result.$case !== "refund") throw mismatch("refund", result);
      return present(result.value, "reservation", "balance");
    },
    close: () => operations.close(),
  };
}

function mismatch(sent: string, { $case }: Result): BillingError {
  const message = `a ${sent} was answered as a ${$case}`;
  return new BillingError({ code: Code.INTERNAL, message });
}
