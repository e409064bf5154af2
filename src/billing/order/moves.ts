/** What decisions on orders share: a move of an order or a refund with the step that it leaves. */
import type { Desk } from "../quota/desk.ts";
import { NO_EFFECTS, type Effects, type NewEvent } from "../quota/posting.ts";
import { Refusal } from "../refusal.ts";
import type { OrderId, RefundId } from "../id.ts";
import {
  checkPauseMs,
  type Order,
  type OrderFile,
  type Refund,
  type Source,
  type Step,
} from "./order.ts";

/** Who or what moved it, and why. */
export interface Cause {
  readonly source: Source;
  readonly note: string;
}

/** The order after a move, and its step. */
export function moveOrder(
  desk: Desk,
  order: Order,
  change: Partial<Order> & Pick<Order, "state">,
  cause: Cause,
): { readonly order: Order; readonly step: Step } {
  const sequence = order.steps + 1;
  const nextCheckMs =
    change.nextCheckMs === undefined ? desk.nowMs + checkPauseMs(0) : change.nextCheckMs;
  const moved: Order = { ...order, ...change, steps: sequence, checks: 0, nextCheckMs };
  return { order: moved, step: stepOf(desk, order.orderId, order, moved.state, sequence, cause) };
}

/** The refund after a move, and its step. */
export function moveRefund(
  desk: Desk,
  refund: Refund,
  change: Partial<Refund> & Pick<Refund, "state">,
  cause: Cause,
): { readonly refund: Refund; readonly step: Step } {
  const sequence = refund.steps + 1;
  const nextCheckMs =
    change.nextCheckMs === undefined ? desk.nowMs + checkPauseMs(0) : change.nextCheckMs;
  const moved: Refund = { ...refund, ...change, steps: sequence, checks: 0, nextCheckMs };
  return {
    refund: moved,
    step: stepOf(desk, refund.refundId, refund, moved.state, sequence, cause),
  };
}

function stepOf(
  desk: Desk,
  subjectId: OrderId | RefundId,
  { userId, state, steps }: Order | Refund,
  toState: string,
  sequence: number,
  { source, note }: Cause,
): Step {
  return {
    subjectId,
    userId,
    sequence,
    fromState: steps === 0 ? "" : state,
    toState,
    source,
    actor: desk.caller.name,
    note,
    createTimeMs: desk.nowMs,
  };
}

/** Effects of several parts of one decision, as one: lists are joined, changes of the user merged. */
export function together(...parts: readonly Partial<Effects>[]): Effects {
  const merged: Record<string, unknown> = { ...NO_EFFECTS };
  for (const [name, value] of parts.flatMap((part) => Object.entries(part))) {
    const before = merged[name];
    if (Array.isArray(value)) {
      merged[name] = [...((before as unknown[] | undefined) ?? []), ...(value as unknown[])];
    } else if (value !== undefined) {
      merged[name] = { ...(before as object | undefined), ...(value as object) };
    }
  }
  return merged as unknown as Effects;
}

/** An event about an order: what others are told. */
export function orderEvent(
  type: NewEvent["type"],
  order: Order,
  more: NewEvent["payload"] = {},
): NewEvent {
  return {
    type,
    subject: order.orderId,
    payload: {
      order_id: order.orderId,
      user_id: order.userId,
      state: order.state,
      amount_fen: Number(order.amountFen),
      refunded_fen: Number(order.refundedFen),
      ...more,
    },
  };
}

/** @throws Refusal ORDER_NOT_FOUND */
export function fileOf(desk: Desk, orderId: OrderId): OrderFile {
  const file = desk.account.orders.get(orderId);
  if (file === undefined) throw orderNotFound(orderId);
  return file;
}

export function orderNotFound(orderId: OrderId): Refusal {
  return new Refusal("ORDER_NOT_FOUND", "there is no such order", { orderId });
}

export function refundNotFound(refundId: RefundId): Refusal {
  return new Refusal("REFUND_NOT_FOUND", "there is no such refund", { refundId });
}
