/** The requests of OrderService as commands. */
import { isIP } from "node:net";
import type { Caller, OrderId, PlanId, RefundId } from "../billing/id.ts";
import type { OrderFilter, RefundFilter } from "../billing/order/books.ts";
import type { AbnormalRefundRequest } from "../billing/order/gateway.ts";
import type { MarkClosed } from "../billing/order/mark-closed.ts";
import { QUANTITY_MAX } from "../billing/order/order.ts";
import type { PlaceOrder } from "../billing/order/place-order.ts";
import type { RequestRefund } from "../billing/order/request-refund.ts";
import type { Command } from "../billing/quota/desk.ts";
import type * as wire from "../gen/billing/order/v1/order_service.ts";
import { CHANNELS, ORDER_STATES, RECEIVERS, REFUND_STATES } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import type { ListRequest } from "./list-quota.ts";
import { readPage, type ListKey } from "./page-token.ts";
import type { TextRule } from "./text-rule.ts";

const QUANTITY = { min: 1, max: QUANTITY_MAX };
const OPENID = /^[A-Za-z0-9_-]{1,128}$/;
const REASON: TextRule = { min: 1, max: 255 };
/** WeChat Pay's limit, in bytes of UTF-8. */
const REFUND_REASON_BYTES_MAX = 80;
const BANK_TYPE = /^[A-Z_]{1,16}$/;
const BANK_ACCOUNT = /^\d{4,64}$/;
const REAL_NAME: TextRule = { min: 1, max: 64 };

export function parseCreateOrder(
  request: wire.CreateOrderRequest,
  caller: Caller,
): Command<PlaceOrder> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    userId: check.userId("user_id", request.userId),
    product: readProduct(check, request.product),
    quantity: check.int("quantity", request.quantity, QUANTITY, 1),
    channel: check.oneOf("channel", CHANNELS, request.channel),
    payerOpenid: ifGiven(request.payerOpenid, (openid) => openid),
    clientIp: ifGiven(request.clientIp, (address) => address),
  };
  const isJsapi = input.channel === "JSAPI";
  if (isJsapi && !OPENID.test(request.payerOpenid)) {
    check.refuse(
      "payer_openid",
      "is required for JSAPI: 1 to 128 of the characters A-Z a-z 0-9 _ -",
    );
  }
  if (!isJsapi && request.payerOpenid !== "") check.refuse("payer_openid", "is for JSAPI only");
  const isH5 = input.channel === "H5";
  if (isH5 && !isPublicIp(request.clientIp)) {
    check.refuse("client_ip", "is required for H5: an IPv4 or IPv6 address, not a loopback one");
  }
  if (!isH5 && request.clientIp !== "") check.refuse("client_ip", "is for H5 only");
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

function readProduct(
  check: FieldCheck,
  product: wire.CreateOrderRequest["product"],
): PlaceOrder["product"] {
  switch (product?.$case) {
    case "planId":
      return { planId: check.planId("plan_id", product.value) };
    case "packId":
      return { packId: check.packId("pack_id", product.value) };
    case undefined:
    default:
      check.refuse("product", "is required: plan_id or pack_id");
      return { planId: "" as PlanId };
  }
}

function isPublicIp(text: string): boolean {
  const version = isIP(text);
  if (version === 4) return !text.startsWith("127.");
  return version === 6 && text !== "::1" && !text.toLowerCase().startsWith("::ffff:127.");
}

export function parseCloseOrder(
  request: wire.CloseOrderRequest,
  caller: Caller,
): Command<MarkClosed> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    orderId: check.orderId("order_id", request.orderId),
    reason: check.text("reason", request.reason, REASON),
    source: "CALL",
  } as const;
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

export function parseSyncOrder(request: wire.SyncOrderRequest): OrderId {
  const check = new FieldCheck();
  check.key("idempotency_key", request.idempotencyKey);
  const orderId = check.orderId("order_id", request.orderId);
  check.done();
  return orderId;
}

export function parseRefundOrder(
  request: wire.RefundOrderRequest,
  caller: Caller,
): Command<RequestRefund> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    orderId: check.orderId("order_id", request.orderId),
    amountFen: check.amount("amount_fen", request.amountFen, 1n),
    reason: check.text("reason", request.reason, { min: 1, max: REFUND_REASON_BYTES_MAX }),
    paymentId: ifGiven(request.paymentId, (id) => check.paymentId("payment_id", id)),
  };
  if (Buffer.byteLength(request.reason) > REFUND_REASON_BYTES_MAX) {
    check.refuse("reason", `must have at most ${REFUND_REASON_BYTES_MAX} bytes of UTF-8`);
  }
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

/** Account data are read, handed on, and kept nowhere. */
export function parseAbnormal(request: wire.ApplyAbnormalRefundRequest): {
  readonly refundId: RefundId;
  readonly receiver: Omit<AbnormalRefundRequest, "providerRefundId" | "outRefundNo">;
} {
  const check = new FieldCheck();
  check.key("idempotency_key", request.idempotencyKey);
  const refundId = check.refundId("refund_id", request.refundId);
  const type = check.oneOf("receiver", RECEIVERS, request.receiver);
  const { bankType, bankAccount, realName } = request;
  if (type === "USER_BANK_CARD") {
    if (!BANK_TYPE.test(bankType)) {
      check.refuse("bank_type", "is required for USER_BANK_CARD: 1 to 16 of the characters A-Z _");
    }
    if (!BANK_ACCOUNT.test(bankAccount)) {
      check.refuse("bank_account", "is required for USER_BANK_CARD: 4 to 64 digits");
    }
    check.text("real_name", realName, REAL_NAME);
  } else {
    for (const [field, value] of Object.entries({
      bank_type: bankType,
      bank_account: bankAccount,
      real_name: realName,
    })) {
      if (value !== "") check.refuse(field, "is for USER_BANK_CARD only");
    }
  }
  check.done();
  const given = type === "USER_BANK_CARD";
  const account = { bankType: given ? bankType : null, bankAccount: given ? bankAccount : null };
  return { refundId, receiver: { type, ...account, realName: given ? realName : null } };
}

export function parseOrderId(request: { readonly orderId: string }): OrderId {
  const check = new FieldCheck();
  const orderId = check.orderId("order_id", request.orderId);
  check.done();
  return orderId;
}

export function parseRefundId(request: { readonly refundId: string }): RefundId {
  const check = new FieldCheck();
  const refundId = check.refundId("refund_id", request.refundId);
  check.done();
  return refundId;
}

const ORDERS: ListKey<{ readonly orderId: OrderId }> = {
  list: "ListOrders",
  write: ({ orderId }) => [orderId],
  read: ([orderId]) => (orderId === undefined ? undefined : { orderId: orderId as OrderId }),
};

export function parseListOrders(
  request: wire.ListOrdersRequest,
): ListRequest<OrderFilter, { readonly orderId: OrderId }> {
  const check = new FieldCheck();
  const filter = {
    userId: ifGiven(request.userId, (id) => check.userId("user_id", id)),
    state: check.optionalOneOf("state", ORDER_STATES, request.state),
    startTimeMs: check.timeMs("start_time", request.startTime),
    endTimeMs: check.timeMs("end_time", request.endTime),
  };
  const paging = readPage(check, request, ORDERS, filter);
  check.done();
  return { filter, paging };
}

const REFUNDS: ListKey<{ readonly refundId: RefundId }> = {
  list: "ListRefunds",
  write: ({ refundId }) => [refundId],
  read: ([refundId]) => (refundId === undefined ? undefined : { refundId: refundId as RefundId }),
};

export function parseListRefunds(
  request: wire.ListRefundsRequest,
): ListRequest<RefundFilter, { readonly refundId: RefundId }> {
  const check = new FieldCheck();
  const filter = {
    orderId: ifGiven(request.orderId, (id) => check.orderId("order_id", id)),
    userId: ifGiven(request.userId, (id) => check.userId("user_id", id)),
    state: check.optionalOneOf("state", REFUND_STATES, request.state),
  };
  const paging = readPage(check, request, REFUNDS, filter);
  check.done();
  return { filter, paging };
}
