/**
 * The ceiling: grpc-js with the same messages and nothing behind them. It parses the request and
 * sends an answer as long as the service's; no validation, no caller, no books.
 */
import { Reservation_State } from "../src/gen/billing/quota/v1/quota.ts";
import type {
  ReserveQuotaRequest,
  ReserveQuotaResponse,
} from "../src/gen/billing/quota/v1/quota_service.ts";
import { GRANTED_AMOUNT } from "./books.ts";
import { tellServing } from "./child.ts";
import { servePlain } from "./plain-server.ts";

const SOME_ID = "01KAQ0000000000000000000";

tellServing(await servePlain(answer));

function answer({ userId, featureId, taskId }: ReserveQuotaRequest): ReserveQuotaResponse {
  const now = new Date();
  return {
    reservation: {
      reservationId: `rsv_${SOME_ID}`,
      userId,
      featureId,
      taskId,
      quantity: 1,
      amount: 1n,
      committedAmount: 0n,
      refundedAmount: 0n,
      state: Reservation_State.HELD,
      eligibleForRefund: true,
      allocations: [{ grantId: `grt_${SOME_ID}`, amount: 1n }],
      featureVersion: 1,
      unitCost: 1n,
      labels: new Map(),
      createTime: now,
      expireTime: now,
      commitTime: undefined,
      refundTime: undefined,
      refundReason: "",
      failedStep: "",
      refundDetail: "",
    },
    balance: {
      userId,
      available: GRANTED_AMOUNT,
      held: 1n,
      nextExpireTime: now,
      nextExpireAmount: GRANTED_AMOUNT,
    },
    replayed: false,
  };
}
