/** What other teams import. */
export type { CommitAnswer, Present, RefundAnswer, ReserveAnswer } from "./answers.ts";
export type { CallOptions, UnaryMethod } from "./call.ts";
export { connect, type BillingClient } from "./client.ts";
export {
  deliverInBackground,
  deliverNow,
  deliverWaiting,
  sendWith,
  type BackgroundDelivery,
  type Delivery,
  type Round,
} from "./delivery.ts";
export {
  BillingError,
  isReason,
  isRefusal,
  type CodeNumber,
  type Reason,
  type Violation,
} from "./errors.ts";
export { HoldLostError } from "./heartbeat.ts";
export { commitKey, refundKey, reserveKey, taskRefundKey } from "./keys.ts";
export type { ConnectOptions, TlsOptions, TokenSource } from "./options.ts";
export { faultOf, StepFailedError, type Fault } from "./refund-reason.ts";
export {
  REFUND_REASONS,
  stateName,
  type BatchReserveInput,
  type CheckInput,
  type CommitInput,
  type ExtendInput,
  type ListReservationsInput,
  type RefundInput,
  type RefundReason,
  type RefundTarget,
  type ReservationState,
  type ReserveInput,
} from "./requests.ts";
export { DEFAULT_RETRY, isRepeatable, type RetryPolicy } from "./retry.ts";
export { UnsettledError, type Settlement, type SettlementReport } from "./settle.ts";
export { Spool, SpoolFullError, type SpoolOptions, type SpoolStatus } from "./spool.ts";
export type { SpoolEntry } from "./spool-entry.ts";
export type { QuotaStream, QuotaStreamOptions } from "./stream.ts";
export {
  TaskAlreadyDoneError,
  TaskAttemptsError,
  withReservation,
  type Hold,
  type ReservedTask,
  type TaskOutcome,
  type WithReservationOptions,
  type WorkDone,
} from "./with-reservation.ts";
