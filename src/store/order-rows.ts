/**
 * Rows of orders, payments, refunds and their steps, each way. What says who pays, and by what he can be
 * found, is sealed: see docs/keys.md.
 */
import type { OrderId, PaymentId, RefundId, UserId } from "../billing/id.ts";
import type { Channel, Payable } from "../billing/order/gateway.ts";
import {
  packIdOf,
  planIdOf,
  productVersion,
  type Disposition,
  type Order,
  type OrderState,
  type Payment,
  type Product,
  type Refund,
  type RefundState,
  type Source,
  type Step,
} from "../billing/order/order.ts";
import {
  ID,
  TIME,
  WORD,
  msOrNull,
  timeOrNull,
  timeText,
  toBigInt,
  toMs,
  type Cell,
  type ColumnTypes,
  type HotTable,
  type Row,
} from "./cell.ts";
import type { Sealer } from "./sealer.ts";

/** What a row has once and for all. */
const ORDER_TERMS = [
  "order_id",
  "user_id",
  "kind",
  "product_id",
  "product_version",
  "product",
  "quantity",
  "channel",
  "amount_fen",
  "payer_openid_sealed",
  "client_ip_sealed",
  "create_time",
  "expire_time",
] as const;

export const ORDER_KEY: ColumnTypes = { order_id: ID };

/** What may change of an order. */
export const ORDER_COLUMNS: ColumnTypes = {
  state: WORD,
  prepay_sealed: "varchar(8000)",
  prepay_expire_time: TIME,
  pay_time: TIME,
  close_time: TIME,
  payment_id: ID,
  refunded_fen: "bigint",
  granted_amount: "bigint",
  revoked_amount: "bigint",
  membership_start_time: TIME,
  membership_end_time: TIME,
  steps: "int",
  next_check_time: TIME,
  checks: "int",
};

export const ORDERS: HotTable = {
  name: "orders",
  columns: [...ORDER_TERMS, ...Object.keys(ORDER_COLUMNS)],
};

export function orderCells(order: Order, sealer: Sealer): Cell[] {
  const { orderId, product } = order;
  const sealed = (text: string | null, column: string) =>
    text === null ? null : sealer.seal(text, `orders.${column}:${orderId}`);
  return [
    orderId,
    order.userId,
    product.kind,
    planIdOf(product) ?? packIdOf(product)!,
    productVersion(product),
    writeProduct(product),
    order.quantity,
    order.channel,
    order.amountFen,
    sealed(order.payerOpenid, "payer_openid_sealed"),
    sealed(order.clientIp, "client_ip_sealed"),
    timeText(order.createTimeMs),
    timeText(order.expireTimeMs),
    ...orderState(order, sealer),
  ];
}

export function orderChange(order: Order, sealer: Sealer): Cell[] {
  return [order.orderId, ...orderState(order, sealer)];
}

function orderState(order: Order, sealer: Sealer): Cell[] {
  const { prepay } = order;
  const context = `orders.prepay_sealed:${order.orderId}`;
  return [
    order.state,
    prepay === null ? null : sealer.seal(JSON.stringify(prepay.payable), context),
    timeOrNull(prepay?.expireTimeMs ?? null),
    timeOrNull(order.payTimeMs),
    timeOrNull(order.closeTimeMs),
    order.paymentId,
    order.refundedFen,
    order.grantedAmount,
    order.revokedAmount,
    timeOrNull(order.membershipStartMs),
    timeOrNull(order.membershipEndMs),
    order.steps,
    timeOrNull(order.nextCheckMs),
    order.checks,
  ];
}

export function readOrder(row: Row, sealer: Sealer): Order {
  const orderId = row["order_id"] as OrderId;
  const open = (column: string): string | null => {
    const sealed = row[column] as string | null;
    return sealed === null ? null : sealer.open(sealed, `orders.${column}:${orderId}`);
  };
  const payable = open("prepay_sealed");
  return {
    orderId,
    userId: row["user_id"] as UserId,
    product: readProduct(row["product"] as string),
    quantity: Number(row["quantity"]),
    channel: row["channel"] as Channel,
    amountFen: toBigInt(row["amount_fen"]),
    payerOpenid: open("payer_openid_sealed"),
    clientIp: open("client_ip_sealed"),
    createTimeMs: toMs(row["create_time"]),
    expireTimeMs: toMs(row["expire_time"]),
    state: row["state"] as OrderState,
    prepay:
      payable === null
        ? null
        : {
            payable: JSON.parse(payable) as Payable,
            expireTimeMs: toMs(row["prepay_expire_time"]),
          },
    payTimeMs: msOrNull(row["pay_time"]),
    closeTimeMs: msOrNull(row["close_time"]),
    paymentId: row["payment_id"] as PaymentId | null,
    refundedFen: toBigInt(row["refunded_fen"]),
    grantedAmount: toBigInt(row["granted_amount"]),
    revokedAmount: toBigInt(row["revoked_amount"]),
    membershipStartMs: msOrNull(row["membership_start_time"]),
    membershipEndMs: msOrNull(row["membership_end_time"]),
    steps: Number(row["steps"]),
    nextCheckMs: msOrNull(row["next_check_time"]),
    checks: Number(row["checks"]),
  };
}

/** Amounts as text: JSON knows no bigint. */
function writeProduct(product: Product): string {
  return JSON.stringify(product, (_, value: unknown) =>
    typeof value === "bigint" ? String(value) : value,
  );
}

function readProduct(text: string): Product {
  const product = JSON.parse(text) as Product;
  const amounts = (terms: { priceFen: unknown; quotaAmount: unknown }) => ({
    ...terms,
    priceFen: BigInt(terms.priceFen as string),
    quotaAmount: BigInt(terms.quotaAmount as string),
  });
  return product.kind === "PLAN"
    ? { kind: "PLAN", plan: { ...product.plan, ...amounts(product.plan) } }
    : { kind: "PACK", pack: { ...product.pack, ...amounts(product.pack) } };
}

export const PAYMENTS: HotTable = {
  name: "payments",
  columns: [
    "payment_id",
    "order_id",
    "user_id",
    "transaction_index",
    "amount_fen",
    "currency",
    "pay_time",
    "disposition",
    "source",
    "note",
    "create_time",
  ],
};

/** What the index of a payment's number is for: equal numbers of other things aren't found by it. */
const TRANSACTION = "payments.transaction";
/** By what a payment is found that has this number at the provider. */
export function transactionIndex(transactionId: string, sealer: Sealer): string {
  return sealer.index(transactionId, TRANSACTION);
}

/** The longest note that its column takes. */
const NOTE_MAX = 255;

export function paymentCells(payment: Payment, sealer: Sealer): Cell[] {
  const { paymentId, transactionId } = payment;
  return [
    paymentId,
    payment.orderId,
    payment.userId,
    transactionIndex(transactionId, sealer),
    payment.amountFen,
    payment.currency.slice(0, 24),
    timeText(payment.payTimeMs),
    payment.disposition,
    payment.source,
    payment.note.slice(0, NOTE_MAX),
    timeText(payment.createTimeMs),
  ];
}

/** The provider's numbers stand apart: payments never change, and what seals the numbers does. */
export const PAYMENT_NUMBERS: HotTable = {
  name: "payment_numbers",
  columns: ["payment_id", "transaction_sealed"],
};

export function paymentNumberCells({ paymentId, transactionId }: Payment, sealer: Sealer): Cell[] {
  const place = `payment_numbers.transaction_sealed:${paymentId}`;
  return [paymentId, sealer.seal(transactionId, place)];
}

/** @param row of `payments` with its `transaction_sealed` */
export function readPayment(row: Row, sealer: Sealer): Payment {
  const paymentId = row["payment_id"] as PaymentId;
  const sealed = row["transaction_sealed"] as string;
  return {
    paymentId,
    orderId: row["order_id"] as OrderId,
    userId: row["user_id"] as UserId,
    transactionId: sealer.open(sealed, `payment_numbers.transaction_sealed:${paymentId}`),
    amountFen: toBigInt(row["amount_fen"]),
    currency: row["currency"] as string,
    payTimeMs: toMs(row["pay_time"]),
    disposition: row["disposition"] as Disposition,
    source: row["source"] as Source,
    note: row["note"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}

export const REFUND_KEY: ColumnTypes = { refund_id: ID };

/** What may change of a refund. */
export const REFUND_COLUMNS: ColumnTypes = {
  state: WORD,
  revoked_amount: "bigint",
  revocation: "varchar(8000)",
  provider_refund_id: ID,
  success_time: TIME,
  obstacle: "varchar(255)",
  steps: "int",
  next_check_time: TIME,
  checks: "int",
};

export const REFUNDS: HotTable = {
  name: "refunds",
  columns: [
    "refund_id",
    "order_id",
    "user_id",
    "payment_id",
    "amount_fen",
    "reason",
    "automatic",
    "create_time",
    ...Object.keys(REFUND_COLUMNS),
  ],
};

export function refundCells(refund: Refund): Cell[] {
  return [
    refund.refundId,
    refund.orderId,
    refund.userId,
    refund.paymentId,
    refund.amountFen,
    refund.reason,
    refund.automatic,
    timeText(refund.createTimeMs),
    ...refundState(refund),
  ];
}

export function refundChange(refund: Refund): Cell[] {
  return [refund.refundId, ...refundState(refund)];
}

function refundState(refund: Refund): Cell[] {
  return [
    refund.state,
    refund.revokedAmount,
    refund.revocation,
    refund.providerRefundId,
    timeOrNull(refund.successTimeMs),
    refund.obstacle,
    refund.steps,
    timeOrNull(refund.nextCheckMs),
    refund.checks,
  ];
}

export function readRefund(row: Row): Refund {
  return {
    refundId: row["refund_id"] as RefundId,
    orderId: row["order_id"] as OrderId,
    userId: row["user_id"] as UserId,
    paymentId: row["payment_id"] as PaymentId,
    amountFen: toBigInt(row["amount_fen"]),
    reason: row["reason"] as string,
    automatic: Boolean(row["automatic"]),
    createTimeMs: toMs(row["create_time"]),
    state: row["state"] as RefundState,
    revokedAmount: toBigInt(row["revoked_amount"]),
    revocation: row["revocation"] as string,
    providerRefundId: row["provider_refund_id"] as string | null,
    successTimeMs: msOrNull(row["success_time"]),
    obstacle: row["obstacle"] as string,
    steps: Number(row["steps"]),
    nextCheckMs: msOrNull(row["next_check_time"]),
    checks: Number(row["checks"]),
  };
}

export const STEPS: HotTable = {
  name: "order_steps",
  columns: [
    "subject_id",
    "sequence",
    "user_id",
    "from_state",
    "to_state",
    "source",
    "actor",
    "note",
    "create_time",
  ],
};

export function stepCells(step: Step): Cell[] {
  return [
    step.subjectId,
    step.sequence,
    step.userId,
    step.fromState,
    step.toState,
    step.source,
    step.actor,
    step.note.slice(0, NOTE_MAX),
    timeText(step.createTimeMs),
  ];
}

export function readStep(row: Row): Step {
  return {
    subjectId: row["subject_id"] as Step["subjectId"],
    sequence: Number(row["sequence"]),
    userId: row["user_id"] as UserId,
    fromState: row["from_state"] as string,
    toState: row["to_state"] as string,
    source: row["source"] as Source,
    actor: row["actor"] as string,
    note: row["note"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}
