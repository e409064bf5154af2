/** OrderService: each handler parses, calls one use case, and renders its answer. */
import type { OrderId, RefundId } from "../billing/id.ts";
import type { OrderReader } from "../billing/order/books.ts";
import type { Cashier } from "../billing/order/cashier.ts";
import { orderNotFound, refundNotFound } from "../billing/order/moves.ts";
import { Refusal } from "../billing/refusal.ts";
import type * as wire from "../gen/billing/order/v1/order_service.ts";
import type { Handle } from "./call.ts";
import * as parse from "./parse-order.ts";
import * as render from "./render-order.ts";

export interface OrderParts {
  /** Undefined: no merchant account is configured, and nothing can be bought. */
  readonly cashier: Cashier | undefined;
  readonly reader: OrderReader;
  /** Milliseconds since 1970. */
  now(): number;
}

export function orderHandlers(parts: OrderParts) {
  return { ...buying(parts), ...payingBack(parts), ...reads(parts) };
}

/** @throws Refusal PAYMENT_NOT_CONFIGURED */
function open({ cashier }: OrderParts): Cashier {
  if (cashier !== undefined) return cashier;
  throw new Refusal("PAYMENT_NOT_CONFIGURED", "this server has no merchant account configured", {});
}

function buying(parts: OrderParts) {
  const create: Handle<wire.CreateOrderRequest, wire.CreateOrderResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseCreateOrder(request, caller);
    const placed = await open(parts).createOrder(command, parts.now(), signal);
    const prepay = placed.prepay === null ? undefined : render.paymentParameters(placed.prepay);
    return {
      order: render.order(placed.order),
      paymentParameters: prepay,
      replayed: placed.replayed,
    };
  };
  const close: Handle<wire.CloseOrderRequest, wire.CloseOrderResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseCloseOrder(request, caller);
    const { order } = await open(parts).closeOrder(command, signal);
    return { order: render.order(order) };
  };
  const sync: Handle<wire.SyncOrderRequest, wire.SyncOrderResponse> = async (
    request,
    { signal },
  ) => {
    const orderId = parse.parseSyncOrder(request);
    const { tradeState } = await (request.validateOnly
      ? open(parts).look(orderId, signal)
      : open(parts).settle(orderId, "QUERY", signal));
    const { order } = await found(parts.reader, orderId);
    return { order: render.order(order), tradeState };
  };
  return { createOrder: create, closeOrder: close, syncOrder: sync };
}

function payingBack(parts: OrderParts) {
  const refund: Handle<wire.RefundOrderRequest, wire.RefundOrderResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseRefundOrder(request, caller);
    const answer = await open(parts).refundOrder(command, signal);
    return {
      refund: render.refund(answer.refund),
      order: render.order(answer.order),
      replayed: answer.replayed,
    };
  };
  const abnormal: Handle<
    wire.ApplyAbnormalRefundRequest,
    wire.ApplyAbnormalRefundResponse
  > = async (request, { signal }) => {
    const { refundId, receiver } = parse.parseAbnormal(request);
    await open(parts).applyAbnormal(refundId, receiver, request.validateOnly, signal);
    return { refund: render.refund(await foundRefund(parts.reader, refundId)) };
  };
  return { refundOrder: refund, applyAbnormalRefund: abnormal };
}

function reads({ reader }: OrderParts) {
  const get: Handle<wire.GetOrderRequest, wire.GetOrderResponse> = async (request) => {
    const orderId = parse.parseOrderId(request);
    const { order, payments } = await found(reader, orderId);
    const steps = await reader.listSteps(orderId);
    return {
      order: render.order(order),
      payments: payments.map(render.payment),
      transitions: steps.map(render.transition),
    };
  };
  const list: Handle<wire.ListOrdersRequest, wire.ListOrdersResponse> = async (request) => {
    const { filter, paging } = parse.parseListOrders(request);
    const { rows, nextPageToken } = paging.split(
      await reader.listOrders(filter, paging.page),
      (row) => row,
    );
    return { orders: rows.map(render.order), nextPageToken };
  };
  const getRefund: Handle<wire.GetRefundRequest, wire.GetRefundResponse> = async (request) => {
    const refundId = parse.parseRefundId(request);
    const refund = await foundRefund(reader, refundId);
    const steps = await reader.listSteps(refundId);
    return { refund: render.refund(refund), transitions: steps.map(render.transition) };
  };
  const listRefunds: Handle<wire.ListRefundsRequest, wire.ListRefundsResponse> = async (
    request,
  ) => {
    const { filter, paging } = parse.parseListRefunds(request);
    const { rows, nextPageToken } = paging.split(
      await reader.listRefunds(filter, paging.page),
      (row) => row,
    );
    return { refunds: rows.map(render.refund), nextPageToken };
  };
  return { getOrder: get, listOrders: list, getRefund, listRefunds };
}

async function found(reader: OrderReader, orderId: OrderId) {
  const file = await reader.findOrder(orderId);
  if (file === undefined) throw orderNotFound(orderId);
  return file;
}

async function foundRefund(reader: OrderReader, refundId: RefundId) {
  const refund = await reader.findRefund(refundId);
  if (refund === undefined) throw refundNotFound(refundId);
  return refund;
}
