/** The record of a membership: one step a change, written once. */
import type { CampaignId, OrderId, PlanId, RefundId, UserId } from "../id.ts";
import type { Source } from "../order/order.ts";
import type { StepEvent } from "./state-table.ts";
import type { RecordedState } from "./user.ts";

/** What changed a membership. */
export interface MembershipCause {
  readonly source: Source;
  readonly orderId?: OrderId;
  readonly refundId?: RefundId;
  readonly campaignId?: CampaignId;
  /** Why, where somebody says so. */
  readonly note?: string;
}

export interface MembershipStep {
  readonly userId: UserId;
  /** Counts the user's steps from 1 without a gap. */
  readonly sequence: number;
  readonly event: StepEvent;
  readonly fromState: RecordedState;
  readonly toState: RecordedState;
  /** The end of the membership before and after it; null before the first. */
  readonly endBeforeMs: number | null;
  readonly endAfterMs: number | null;
  /** The plan after it. */
  readonly planId: PlanId | null;
  readonly orderId: OrderId | null;
  readonly refundId: RefundId | null;
  readonly campaignId: CampaignId | null;
  readonly source: Source;
  readonly actor: string;
  readonly note: string;
  readonly createTimeMs: number;
}
