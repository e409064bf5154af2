/**
 * Enums of the contract and unions of the domain have the same names, which the types below hold
 * both ways: a name that one of them lacks doesn't compile. Numbers that come in are looked up; a
 * number that isn't there is refused by whoever looks.
 */
import type { Alert as DomainAlert } from "../billing/alert/alert.ts";
import type { BudgetScope } from "../billing/alert/budget.ts";
import type { ApprovalKind, ApprovalState } from "../billing/catalog/approval.ts";
import type { AccessScope, FeatureState } from "../billing/catalog/feature.ts";
import type { PipelineState } from "../billing/catalog/pipeline.ts";
import type { Rollover } from "../billing/catalog/plan.ts";
import type {
  Membership as DomainMembership,
  MembershipState,
} from "../billing/membership/membership.ts";
import type { Channel as DomainChannel } from "../billing/order/gateway.ts";
import type { OrderState, RefundState } from "../billing/order/order.ts";
import type { LogType } from "../billing/quota/posting.ts";
import type { RefundQuota } from "../billing/quota/refund-quota.ts";
import type { ReservationState } from "../billing/quota/reservation.ts";
import type { ReconciliationSource as DomainSource } from "../billing/report/discrepancy.ts";
import type { FindingKind } from "../billing/order/bill.ts";
import type { DiscrepancyState as DomainDiscrepancyState } from "../billing/report/discrepancy.ts";
import type { Period as DomainPeriod } from "../billing/report/document.ts";
import type { TopOrder } from "../billing/report/report.ts";
import type { Verdict as DomainVerdict } from "../billing/review/finding.ts";
import type {
  LockPolicy as DomainLockPolicy,
  ReviewKind as DomainReviewKind,
} from "../billing/review/review.ts";
import {
  Approval_Kind,
  Approval_State,
  Feature_AccessScope,
  Feature_State,
  Pipeline_State,
} from "../gen/billing/catalog/v1/catalog.ts";
import { Membership_State, Membership_UserState, Plan_Rollover } from "../gen/billing/membership/v1/membership.ts";
import { Channel, Order_State, Refund_State } from "../gen/billing/order/v1/order.ts";
import { ApplyAbnormalRefundRequest_Receiver } from "../gen/billing/order/v1/order_service.ts";
import type { ExportFormat } from "../report/export.ts";
import {
  Discrepancy_State,
  DiscrepancyKind,
  ReconciliationSource,
} from "../gen/billing/report/v1/reconciliation.ts";
import { Period } from "../gen/billing/report/v1/report.ts";
import {
  ExportReportRequest_Format,
  ExportReportRequest_Language,
  ListTopUsersRequest_Order,
} from "../gen/billing/report/v1/report_service.ts";
import { Alert_State, AlertSeverity, Budget_Scope } from "../gen/billing/report/v1/alert.ts";
import { LockPolicy, ReviewKind, Verdict } from "../gen/billing/review/v1/review.ts";
import { QuotaLog_Type, RefundReason, Reservation_State } from "../gen/billing/quota/v1/quota.ts";

type NameOf<Enum> = Exclude<keyof Enum, "UNSPECIFIED" | "UNRECOGNIZED">;
/** Names by number, without UNSPECIFIED. */
export type Names<Name> = Readonly<Record<number, Name>>;

/** The names of an enum by number. To render, its own object is indexed with the name. */
function namesOf<Enum extends Readonly<Record<string, number>>>(values: Enum): Names<NameOf<Enum>> {
  const known = Object.entries(values).filter(([, number]) => number > 0);
  return Object.fromEntries(known.map(([name, number]) => [number, name as NameOf<Enum>]));
}

export const RESERVATION_STATES: Names<ReservationState> = namesOf(Reservation_State);
export const LOG_TYPES: Names<LogType> = namesOf(QuotaLog_Type);
export const FEATURE_STATES: Names<FeatureState> = namesOf(Feature_State);
export const PIPELINE_STATES: Names<PipelineState> = namesOf(Pipeline_State);
export const ACCESS_SCOPES: Names<AccessScope> = namesOf(Feature_AccessScope);
export const APPROVAL_KINDS: Names<ApprovalKind> = namesOf(Approval_Kind);
export const APPROVAL_STATES: Names<ApprovalState> = namesOf(Approval_State);
export const MEMBERSHIP_STATES: Names<MembershipState> = namesOf(Membership_State);
export const USER_STATES: Names<DomainMembership["userState"]> = namesOf(Membership_UserState);

export const ROLLOVERS: Names<Rollover> = namesOf(Plan_Rollover);
export const CHANNELS: Names<DomainChannel> = namesOf(Channel);
export const ORDER_STATES: Names<OrderState> = namesOf(Order_State);
export const REFUND_STATES: Names<RefundState> = namesOf(Refund_State);
export const RECEIVERS: Names<"USER_BANK_CARD" | "MERCHANT_BANK_CARD"> = namesOf(
  ApplyAbnormalRefundRequest_Receiver,
);

export const DISCREPANCY_KINDS: Names<FindingKind> = namesOf(DiscrepancyKind);
export const DISCREPANCY_STATES: Names<DomainDiscrepancyState> = namesOf(Discrepancy_State);
export const SOURCES: Names<DomainSource> = namesOf(ReconciliationSource);
export const EXPORT_FORMATS: Names<ExportFormat> = namesOf(ExportReportRequest_Format);
export const LANGUAGES: Names<"EN" | "ZH"> = namesOf(ExportReportRequest_Language);
export const PERIODS: Names<DomainPeriod> = namesOf(Period);
export const TOP_ORDERS: Names<TopOrder> = namesOf(ListTopUsersRequest_Order);

export const LOCK_POLICIES: Names<DomainLockPolicy> = namesOf(LockPolicy);
export const REVIEW_KINDS: Names<DomainReviewKind> = namesOf(ReviewKind);
export const VERDICTS: Names<DomainVerdict> = namesOf(Verdict);

export const ALERT_STATES: Names<DomainAlert["state"]> = namesOf(Alert_State);
export const ALERT_SEVERITIES: Names<DomainAlert["severity"]> = namesOf(AlertSeverity);
export const BUDGET_SCOPES: Names<BudgetScope> = namesOf(Budget_Scope);

/** What each reason means to the domain: a wish is none of the faults for which quota goes back. */
const REFUND_REASON: Readonly<Record<NameOf<typeof RefundReason>, RefundQuota["reason"]>> = {
  STEP_FAILED: "STEP_FAILED",
  TIMEOUT: "TIMEOUT",
  UPSTREAM_ERROR: "UPSTREAM_ERROR",
  SYSTEM_ERROR: "SYSTEM_ERROR",
  CANCELLED_BEFORE_START: "CANCELLED_BEFORE_START",
  USER_DISSATISFIED: "SUBJECTIVE",
};
export const REFUND_REASONS: Names<RefundQuota["reason"]> = Object.fromEntries(
  Object.entries(namesOf(RefundReason)).map(([number, name]) => [number, REFUND_REASON[name]]),
);
