/** Rows of the record of memberships, each way. */
import type { CampaignId, OrderId, PlanId, RefundId, UserId } from "../billing/id.ts";
import type { StepEvent } from "../billing/membership/state-table.ts";
import type { MembershipStep } from "../billing/membership/step.ts";
import type { RecordedState } from "../billing/membership/user.ts";
import type { Source } from "../billing/order/order.ts";
import { msOrNull, timeOrNull, timeText, toMs, type Cell, type HotTable, type Row } from "./cell.ts";

/** What its column takes. */
const NOTE_MAX = 255;

export const MEMBERSHIP_STEPS: HotTable = {
  name: "membership_transitions",
  columns: [
    "user_id",
    "sequence",
    "event",
    "from_state",
    "to_state",
    "end_before",
    "end_after",
    "plan_id",
    "order_id",
    "refund_id",
    "campaign_id",
    "source",
    "actor",
    "note",
    "create_time",
  ],
};

export function membershipStepCells(step: MembershipStep): Cell[] {
  return [
    step.userId,
    step.sequence,
    step.event,
    step.fromState,
    step.toState,
    timeOrNull(step.endBeforeMs),
    timeOrNull(step.endAfterMs),
    step.planId,
    step.orderId,
    step.refundId,
    step.campaignId,
    step.source,
    step.actor,
    step.note.slice(0, NOTE_MAX),
    timeText(step.createTimeMs),
  ];
}

export function readMembershipStep(row: Row): MembershipStep {
  return {
    userId: row["user_id"] as UserId,
    sequence: Number(row["sequence"]),
    event: row["event"] as StepEvent,
    fromState: row["from_state"] as RecordedState,
    toState: row["to_state"] as RecordedState,
    endBeforeMs: msOrNull(row["end_before"]),
    endAfterMs: msOrNull(row["end_after"]),
    planId: row["plan_id"] as PlanId | null,
    orderId: row["order_id"] as OrderId | null,
    refundId: row["refund_id"] as RefundId | null,
    campaignId: row["campaign_id"] as CampaignId | null,
    source: row["source"] as Source,
    actor: row["actor"] as string,
    note: row["note"] as string,
    createTimeMs: toMs(row["create_time"]),
  };
}
