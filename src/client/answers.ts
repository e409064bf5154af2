/**
 * Answers whose parts are there: what the contract always sends is not `undefined` for the caller.
 */
import { status as Code } from "@grpc/grpc-js";

import type {
  CommitQuotaResponse,
  RefundQuotaResponse,
  ReserveQuotaResponse,
} from "../gen/billing/quota/v1/quota_service.ts";
import { BillingError } from "./errors.ts";

/** A message whose named fields the service always sends. */
export type Present<Message, Key extends keyof Message> = Omit<Message, Key> & {
  [Field in Key]-?: NonNullable<Message[Field]>;
};

export type ReserveAnswer = Present<ReserveQuotaResponse, "reservation" | "balance">;
export type CommitAnswer = Present<CommitQuotaResponse, "reservation" | "balance">;
export type RefundAnswer = Present<RefundQuotaResponse, "reservation" | "balance">;

/** @throws BillingError INTERNAL when the service left out what the contract says it sends */
export function present<Message extends object, Key extends keyof Message>(
  message: Message,
  ...keys: Key[]
): Present<Message, Key> {
  for (const key of keys) {
    if (message[key] !== undefined) continue;
    const what = `the service's answer has no ${String(key)}`;
    throw new BillingError({ code: Code.INTERNAL, message: what });
  }
  return message as Present<Message, Key>;
}
