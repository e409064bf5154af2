/**
 * A WeChat Pay of one's own: the endpoints of APIv3 that a merchant needs, with strict checks, signed
 * answers, encrypted callbacks, bills, a clock that can be moved and faults on demand. It has its own
 * code for the protocol, so that it shares no mistake with what is tested against it.
 */
export { startSimulator, type Simulator, type SimulatorOptions, type MerchantFacts } from "./simulator.ts";
export type { MerchantOptions } from "./merchant.ts";
export type { KeyMaterial, KeyMode } from "./keys.ts";
export type { Settings } from "./settings.ts";
export type { Barrier, Fault, FaultMatch, When } from "./faults.ts";
export type { CallbackFaults, CorruptLayer, HowOften } from "./callback-faults.ts";
export { CORRUPT_LAYERS } from "./callback-faults.ts";
export { RETRY_WAITS_MS } from "./callback-sender.ts";
export type { CallbackEntry, CallbackOutcome, JournalEntry, RequestEntry } from "./journal.ts";
export { CashierError, type CashierReason, type PayOptions, type UserView } from "./cashier.ts";
export type { Order, TradeState } from "./order.ts";
export type { Refund, RefundOutcome, RefundStatus } from "./refund.ts";
export { BILL_FAULTS, type BillFault } from "./bill-faults.ts";
export { buildEnvelope, signatureHeaders, type EnvelopeOptions, type NamedKey } from "./envelope.ts";
