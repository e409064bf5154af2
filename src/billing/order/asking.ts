/** What everything that asks the provider shares. */
import type { Caller, OrderId, RefundId } from "../id.ts";
import type { UseCase } from "../quota/desk.ts";
import type { Served, Teller } from "../quota/teller.ts";
import { Refusal } from "../refusal.ts";
import type { OrderReader } from "./books.ts";
import { GatewayFault, type PaymentGateway } from "./gateway.ts";
import { orderNotFound, refundNotFound } from "./moves.ts";
import type { OrderFile, Refund } from "./order.ts";

export interface CashierParts {
  readonly teller: Teller;
  readonly reader: OrderReader;
  readonly gateway: PaymentGateway;
}

/** Signs what the service does by itself. */
const OURSELVES: Caller = { name: "billing-guard" };

/** A job of ours: its effect is guarded by the state that it ends, so it needs no key. */
export function ourselves<Input, Answer>(
  { teller }: CashierParts,
  useCase: UseCase<Input, Answer>,
  input: Input,
  userId: Refund["userId"],
): Promise<Served<Answer>> {
  const command = { input, idempotencyKey: null, caller: OURSELVES, validateOnly: false };
  return teller.submit(useCase, command, userId);
}

export async function known(reader: OrderReader, orderId: OrderId): Promise<OrderFile> {
  const file = await reader.findOrder(orderId);
  if (file === undefined) throw orderNotFound(orderId);
  return file;
}

export async function knownRefund(reader: OrderReader, refundId: RefundId): Promise<Refund> {
  const refund = await reader.findRefund(refundId);
  if (refund === undefined) throw refundNotFound(refundId);
  return refund;
}

/** When a caller should come back after a fault of the provider or of the way to it. */
const GATEWAY_RETRY_MS = 5_000;

/** @throws Refusal PAYMENT_UNAVAILABLE when nobody knows what the provider did */
export async function asking<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof GatewayFault)) throw error;
    const message = "WeChat Pay can't be reached; the same key will tell the outcome";
    const refusal = new Refusal(
      "PAYMENT_UNAVAILABLE",
      message,
      {},
      { retryAfterMs: GATEWAY_RETRY_MS },
    );
    refusal.cause = error;
    throw refusal;
  }
}

export function paymentRefused(code: string, message: string): Refusal {
  return new Refusal("PAYMENT_REFUSED", `WeChat Pay refuses: ${message}`, { code });
}
