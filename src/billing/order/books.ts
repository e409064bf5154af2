/** The port to stored orders, for reads and for finding what is due. They change through the teller. */
import type { OrderId, PaymentId, RefundId, UserId } from "../id.ts";
import type { Page } from "../quota/reader.ts";
import type { Order, OrderFile, OrderState, Refund, RefundState, Step } from "./order.ts";

export interface OrderReader {
  /** With its payments and refunds; undefined when it is unknown. */
  findOrder(orderId: OrderId): Promise<OrderFile | undefined>;
  /** Undefined when it is unknown. */
  findRefund(refundId: RefundId): Promise<Refund | undefined>;
  /** The steps of an order or a refund, oldest first. */
  listSteps(subjectId: OrderId | RefundId): Promise<Step[]>;
  /** Newest first. */
  listOrders(filter: OrderFilter, page: Page<{ readonly orderId: OrderId }>): Promise<Order[]>;
  /** Newest first. */
  listRefunds(filter: RefundFilter, page: Page<{ readonly refundId: RefundId }>): Promise<Refund[]>;
  /** The order that a payment with the provider's number was booked for; undefined when it wasn't. */
  findTransaction(
    transactionId: string,
  ): Promise<{ orderId: OrderId; paymentId: PaymentId } | undefined>;
}

export interface OrderFilter {
  readonly userId: UserId | null;
  readonly state: OrderState | null;
  /** From this time on; null for no bound. */
  readonly startTimeMs: number | null;
  /** Before this time; null for no bound. */
  readonly endTimeMs: number | null;
}

export interface RefundFilter {
  readonly orderId: OrderId | null;
  readonly userId: UserId | null;
  readonly state: RefundState | null;
}

/** Finds orders and refunds about which the provider is to be asked, on any number of servers. */
export interface DueFinder {
  /**
   * Takes some that are due, which nobody else is given for a while: whoever took them and died is
   * followed by another.
   * @param leaseMs how long nobody else is given them
   */
  takeDueOrders(limit: number, leaseMs: number): Promise<OrderId[]>;
  takeDueRefunds(limit: number, leaseMs: number): Promise<RefundId[]>;
}
