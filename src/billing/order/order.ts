/**
 * Orders: what was bought, the money that came in for it, the money that goes back. The rows move
 * through states; every move leaves a step, and steps are written once.
 */
import type { Pack } from "../catalog/pack.ts";
import type { Plan } from "../catalog/plan.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../clock.ts";
import type { OrderId, PackId, PaymentId, PlanId, RefundId, UserId } from "../id.ts";
import { sum, type Fen, type QuotaUnits } from "../money.ts";
import type { Channel, Payable } from "./gateway.ts";

export type OrderState =
  "CREATED" | "PENDING" | "PAID" | "PARTIALLY_REFUNDED" | "REFUNDED" | "CLOSED";

/** What was bought, with the terms that hold for this order, whatever becomes of the catalogue. */
export type Product =
  { readonly kind: "PLAN"; readonly plan: Plan } | { readonly kind: "PACK"; readonly pack: Pack };

export interface Order {
  /** Also the provider's `out_trade_no`. */
  readonly orderId: OrderId;
  readonly userId: UserId;
  readonly product: Product;
  readonly quantity: number;
  readonly channel: Channel;
  /** The price of all of it. */
  readonly amountFen: Fen;
  readonly payerOpenid: string | null;
  readonly clientIp: string | null;
  readonly createTimeMs: number;
  /** The last moment of payment. */
  readonly expireTimeMs: number;
  readonly state: OrderState;
  /** What the payer's device needs; null while the provider has not confirmed, and once it's paid or closed. */
  readonly prepay: Prepay | null;
  readonly payTimeMs: number | null;
  readonly closeTimeMs: number | null;
  /** The payment that it was granted for. */
  readonly paymentId: PaymentId | null;
  /** What has gone back of that payment, or is on its way. */
  readonly refundedFen: Fen;
  readonly grantedAmount: QuotaUnits;
  readonly revokedAmount: QuotaUnits;
  readonly membershipStartMs: number | null;
  readonly membershipEndMs: number | null;
  /** How many steps it has. */
  readonly steps: number;
  /** When the provider is to be asked; null when there's nothing to ask. */
  readonly nextCheckMs: number | null;
  /** How often it was asked since the last step. */
  readonly checks: number;
}

export interface Prepay {
  readonly payable: Payable;
  /** Until when it can be used. */
  readonly expireTimeMs: number;
}

export type Disposition = "GRANTED" | "RETURNED" | "QUARANTINED";
/** How something became known. CLOCK: nobody said it, its time had come. */
export type Source = "CALL" | "CALLBACK" | "QUERY" | "BILL" | "CLOCK";

/** Money that came in. Written once. */
export interface Payment {
  readonly paymentId: PaymentId;
  readonly orderId: OrderId;
  readonly userId: UserId;
  readonly transactionId: string;
  readonly amountFen: Fen;
  readonly currency: string;
  readonly payTimeMs: number;
  readonly disposition: Disposition;
  readonly source: Source;
  readonly note: string;
  readonly createTimeMs: number;
}

export type RefundState = "REQUESTED" | "PROCESSING" | "SUCCEEDED" | "ABNORMAL" | "CLOSED";

/** Money that goes back. */
export interface Refund {
  /** Also the provider's `out_refund_no`. */
  readonly refundId: RefundId;
  readonly orderId: OrderId;
  readonly userId: UserId;
  readonly paymentId: PaymentId;
  readonly amountFen: Fen;
  readonly reason: string;
  /** True: the service sends back by itself what it gives nothing for. */
  readonly automatic: boolean;
  readonly createTimeMs: number;
  readonly state: RefundState;
  readonly revokedAmount: QuotaUnits;
  /** What it took, as `giveBack` needs it; empty when it took nothing. */
  readonly revocation: string;
  readonly providerRefundId: string | null;
  readonly successTimeMs: number | null;
  /** What the provider says against it; empty when it says nothing. */
  readonly obstacle: string;
  readonly steps: number;
  readonly nextCheckMs: number | null;
  readonly checks: number;
}

/** A move of an order or a refund. Written once. */
export interface Step {
  readonly subjectId: OrderId | RefundId;
  readonly userId: UserId;
  /** Counts the subject's steps from 1. */
  readonly sequence: number;
  /** Empty for the first. */
  readonly fromState: string;
  readonly toState: string;
  readonly source: Source;
  readonly actor: string;
  readonly note: string;
  readonly createTimeMs: number;
}

/** An order with all that belongs to it, loaded under its owner's lock. */
export interface OrderFile {
  readonly order: Order;
  readonly payments: readonly Payment[];
  readonly refunds: readonly Refund[];
}

/** How long an order can be paid. A QR code lives two hours at the provider; nobody waits longer. */
export const PAYABLE_MS = 2 * HOUR_MS;
/** Orders of one user that can be open at one time: people try again, programs try for ever. */
export const OPEN_ORDERS_MAX = 20;
export const QUANTITY_MAX = 12;
/** The provider pays back within a year of the payment. */
export const REFUND_WINDOW_MS = 365 * DAY_MS;
/** The provider's limit for one payment. */
export const REFUNDS_MAX = 50;
/** The provider's rule: partial refunds of one payment are a minute apart. */
export const REFUND_SPACING_MS = MINUTE_MS;

export function isOpen(order: Order): boolean {
  return order.state === "CREATED" || order.state === "PENDING";
}

/** The state of a paid order of which so much has gone back. */
export function paidState(amountFen: Fen, refundedFen: Fen): OrderState {
  if (refundedFen === 0n) return "PAID";
  return refundedFen < amountFen ? "PARTIALLY_REFUNDED" : "REFUNDED";
}

/** What of a payment has gone back or is on its way. */
export function refundedOf(refunds: readonly Refund[], paymentId: PaymentId): Fen {
  return sum(
    refunds
      .filter((refund) => refund.paymentId === paymentId && refund.state !== "CLOSED")
      .map(({ amountFen }) => amountFen),
  );
}

export function unitPriceFen(product: Product): Fen {
  return product.kind === "PLAN" ? product.plan.priceFen : product.pack.priceFen;
}

export function productName(product: Product): string {
  return product.kind === "PLAN" ? product.plan.displayName : product.pack.displayName;
}

export function productVersion(product: Product): number {
  return product.kind === "PLAN" ? product.plan.version : product.pack.version;
}

export function planIdOf(product: Product): PlanId | null {
  return product.kind === "PLAN" ? product.plan.planId : null;
}

export function packIdOf(product: Product): PackId | null {
  return product.kind === "PACK" ? product.pack.packId : null;
}

/** When the provider is asked again, counted from the last step: often at first, then ever more rarely. */
const CHECK_AFTER_MS: readonly number[] = [
  30_000,
  MINUTE_MS,
  2 * MINUTE_MS,
  5 * MINUTE_MS,
  10 * MINUTE_MS,
  20 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  6 * HOUR_MS,
];

/** How long until the next look, after so many. */
export function checkPauseMs(checks: number): number {
  return CHECK_AFTER_MS[Math.min(checks, CHECK_AFTER_MS.length - 1)]!;
}
