/**
 * THE table of errors: what each reason of error_reason.proto becomes on the wire. The proto's
 * comments, this table and docs/errors.md say the same, which a test holds.
 */
import { status } from "@grpc/grpc-js";
import type { ErrorReason } from "../gen/billing/error/v1/error_reason.ts";
import type { Reason } from "../billing/refusal.ts";

/** Every reason that can be sent, as in the proto without the prefix. */
export type WireReason = Exclude<keyof typeof ErrorReason, "UNSPECIFIED" | "UNRECOGNIZED">;

/** The detail that a reason bears beside ErrorInfo and LocalizedMessage. */
export type Detail =
  /** BadRequest: the fields. */
  | { readonly kind: "FIELDS" }
  /** QuotaFailure: what ran out, and the fact that names whose it is. */
  | ({ readonly kind: "QUOTA" } & Quota)
  /** PreconditionFailure: the refusal's violations, or one about the subject. */
  | { readonly kind: "PRECONDITION"; readonly subject: Resource | undefined }
  /** ResourceInfo: what was looked for, or stood in the way. */
  | { readonly kind: "RESOURCE"; readonly resource: Resource }
  /** RequestInfo: the id under which our log has the cause. */
  | { readonly kind: "REQUEST" };

/** What runs out, and the fact that says how much of it there is. */
export interface Quota {
  readonly metric: string;
  readonly limit?: string;
}

/** A kind of resource, and the facts that may hold its id: the first that is there does. */
export interface Resource {
  readonly type: string;
  readonly facts: readonly string[];
}

export interface ReasonRule {
  readonly code: status;
  /** Keys that ErrorInfo.metadata always has; `a | b` stands for one of the two. */
  readonly metadata: readonly string[];
  readonly detail?: Detail;
  /** RetryInfo where the refusal gives no time of its own, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** What an end user may be told. */
  readonly zh: string;
}

const USER: Resource = { type: "billing.membership.v1.Membership", facts: ["userId"] };
const PLAN: Resource = { type: "billing.membership.v1.Plan", facts: ["planId"] };
const PACK: Resource = { type: "billing.catalog.v1.Pack", facts: ["packId"] };
const OFFER: Resource = { type: "offer", facts: ["offerId"] };
const CAMPAIGN: Resource = { type: "billing.catalog.v1.Campaign", facts: ["campaignId"] };
const PIPELINE: Resource = { type: "billing.catalog.v1.Pipeline", facts: ["pipelineId"] };
const PRODUCT: Resource = { type: "product", facts: ["productId"] };
const FEATURE: Resource = { type: "billing.catalog.v1.Feature", facts: ["featureId"] };
const APPROVAL: Resource = { type: "billing.catalog.v1.Approval", facts: ["approvalId"] };
const RESERVATION: Resource = {
  type: "billing.quota.v1.Reservation",
  facts: ["reservationId", "taskId"],
};
const SOURCE: Resource = { type: "billing.quota.v1.Grant.source", facts: ["sourceId"] };
const ORDER: Resource = { type: "billing.order.v1.Order", facts: ["orderId"] };
const REFUND: Resource = { type: "billing.order.v1.Refund", facts: ["refundId"] };
const PAYMENT: Resource = { type: "billing.order.v1.Payment", facts: ["paymentId"] };
const REVIEW: Resource = { type: "billing.review.v1.Review", facts: ["reviewId"] };
const REPORT: Resource = { type: "billing.report.v1.Report", facts: ["reportId", "date"] };
const PERIOD: Resource = { type: "period", facts: ["date"] };
const COST: Resource = { type: "billing.report.v1.Cost", facts: ["externalId"] };
const VENDOR_BILL: Resource = { type: "billing.report.v1.VendorBill", facts: ["vendor"] };
const DISCREPANCY: Resource = {
  type: "billing.report.v1.Discrepancy",
  facts: ["discrepancyId"],
};
const BILL: Resource = { type: "bill", facts: ["source", "date"] };
const VENDOR: Resource = { type: "vendor", facts: ["vendor"] };
const ALERT: Resource = { type: "billing.report.v1.Alert", facts: ["alertId"] };
const SUBJECT: Resource = { type: "subject", facts: ["subject"] };

/** A full queue is served within about this time. */
const OVERLOAD_RETRY_MS = 250;
/** A database that fails over is back within seconds. */
const DATABASE_RETRY_MS = 1_000;
/** Another server takes the call at once; the pause lets the balancer notice. */
const DRAINING_RETRY_MS = 100;
/** A row that stayed locked is free again after the batch that holds it. */
const BUSY_RETRY_MS = 100;
/** WeChat Pay asks to repeat after some seconds. */
const PAYMENT_RETRY_MS = 5_000;
/** The gate counts by the second. */
const FLOOD_RETRY_MS = 1_000;

type RowMore = Pick<ReasonRule, "detail" | "retryAfterMs">;
type Keys = readonly string[];

const row = (code: status, metadata: Keys, zh: string, more: RowMore = {}): ReasonRule => ({
  code,
  metadata,
  zh,
  ...more,
});
const named = (resource: Resource | undefined): RowMore =>
  resource === undefined ? {} : { detail: { kind: "RESOURCE", resource } };
const notFound = (metadata: Keys, resource: Resource, zh: string) =>
  row(status.NOT_FOUND, metadata, zh, named(resource));
const exists = (metadata: Keys, resource: Resource | undefined, zh: string) =>
  row(status.ALREADY_EXISTS, metadata, zh, named(resource));
const denied = (metadata: Keys, resource: Resource | undefined, zh: string) =>
  row(status.PERMISSION_DENIED, metadata, zh, named(resource));
const unmet = (metadata: Keys, subject: Resource | undefined, zh: string) =>
  row(status.FAILED_PRECONDITION, metadata, zh, { detail: { kind: "PRECONDITION", subject } });
const unavailable = (retryAfterMs: number, zh: string) =>
  row(status.UNAVAILABLE, [], zh, { retryAfterMs });
const exhausted = (metadata: Keys, quota: Quota, zh: string, retryAfterMs?: number) =>
  row(status.RESOURCE_EXHAUSTED, metadata, zh, {
    detail: { kind: "QUOTA", ...quota },
    retryAfterMs,
  });

export const REASONS = {
  INVALID_FIELD: row(status.INVALID_ARGUMENT, [], "请求参数有误，请检查后重试。", {
    detail: { kind: "FIELDS" },
  }),
  UNAUTHENTICATED: row(status.UNAUTHENTICATED, [], "未能确认调用方身份，请检查访问凭证。"),
  PERMISSION_DENIED: denied(["method", "roles"], undefined, "当前身份无权执行此操作。"),
  INTERNAL: row(status.INTERNAL, ["requestId"], "服务内部出现故障，请稍后重试或联系客服。", {
    detail: { kind: "REQUEST" },
  }),
  OVERLOADED: unavailable(OVERLOAD_RETRY_MS, "当前请求过多，请稍后重试。"),
  DATABASE_UNAVAILABLE: unavailable(DATABASE_RETRY_MS, "服务暂时不可用，请稍后重试。"),
  DRAINING: unavailable(DRAINING_RETRY_MS, "服务正在更新，请稍后重试。"),
  ACCOUNT_BUSY: row(status.ABORTED, [], "账户正在处理其他请求，请稍后重试。", {
    retryAfterMs: BUSY_RETRY_MS,
  }),
  IDEMPOTENCY_KEY_REUSED: exists(["method", "field"], undefined, "该幂等键已用于内容不同的请求。"),
  CANCELLED: row(status.CANCELLED, [], "请求已取消。"),
  DEADLINE_EXCEEDED: row(status.DEADLINE_EXCEEDED, [], "请求超时，请用相同的幂等键重试。"),
  USER_NOT_FOUND: notFound(["userId"], USER, "用户不存在。"),
  USER_ALREADY_REGISTERED: exists(["userId"], USER, "用户已注册。"),
  USER_SUSPENDED: unmet(["userId"], USER, "账户已被风控暂停使用，请联系客服。"),
  MEMBERSHIP_REQUIRED: unmet(["userId"], USER, "会员已到期，请开通或续费会员后再使用。"),
  PLAN_NOT_FOUND: notFound(["planId"], PLAN, "套餐不存在。"),
  PACK_NOT_FOUND: notFound(["packId"], PACK, "加油包不存在。"),
  PRODUCT_NOT_FOR_SALE: unmet(["productId"], PRODUCT, "该商品当前不可购买。"),
  FEATURE_NOT_FOUND: notFound(["featureId"], FEATURE, "功能不存在。"),
  FEATURE_NOT_PUBLISHED: unmet(["featureId"], FEATURE, "该功能尚未上线。"),
  FEATURE_ACCESS_DENIED: denied(
    ["featureId", "userId", "accessScope"],
    FEATURE,
    "该功能暂未对您开放。",
  ),
  FEATURE_STATE_INVALID: unmet(
    ["featureId", "version", "state"],
    FEATURE,
    "该功能版本的当前状态不允许此操作。",
  ),
  QUOTA_INSUFFICIENT: exhausted(
    ["userId", "available", "required"],
    { metric: "quota_units", limit: "available" },
    "额度不足，请充值或升级套餐后再试。",
  ),
  RATE_LIMITED: exhausted(
    ["userId", "featureId", "window", "max", "used"],
    { metric: "feature_uses", limit: "max" },
    "使用次数已达上限，请稍后再试。",
  ),
  COOLDOWN_ACTIVE: exhausted(
    ["userId", "featureId", "cooldownSeconds"],
    { metric: "feature_cooldown" },
    "操作过于频繁，请在冷却时间结束后再试。",
  ),
  IN_FLIGHT_LIMITED: exhausted(
    ["userId", "featureId", "max", "inFlight"],
    { metric: "open_holds", limit: "max" },
    "进行中的任务已达上限，请等待任务完成后再试。",
  ),
  FLOOD_LIMITED: exhausted(
    ["userId"],
    { metric: "requests_per_second" },
    "请求过于频繁，请稍后再试。",
    FLOOD_RETRY_MS,
  ),
  RESERVATION_NOT_FOUND: notFound(
    ["reservationId | taskId"],
    RESERVATION,
    "未找到对应的额度预留记录。",
  ),
  RESERVATION_NOT_HELD: unmet(["reservationId", "state"], RESERVATION, "该额度预留已结算。"),
  RESERVATION_EXPIRED: unmet(
    ["reservationId"],
    RESERVATION,
    "额度预留已过期，且当前余额不足以重新预留。",
  ),
  ALREADY_REFUNDED: unmet(["reservationId"], RESERVATION, "额度已退还，不能再次扣除。"),
  REFUND_NOT_ELIGIBLE: unmet(["reservationId"], RESERVATION, "已超过可退还额度的期限。"),
  SUBJECTIVE_REFUND_FORBIDDEN: unmet(
    [],
    undefined,
    "仅因系统故障退还额度，对结果不满意不在退还范围内。",
  ),
  COMMIT_EXCEEDS_RESERVATION: unmet(
    ["reservationId", "amount", "actualAmount"],
    RESERVATION,
    "实际用量超过预留额度。",
  ),
  HOLD_LIMIT_REACHED: unmet(
    ["reservationId", "maxHoldSeconds"],
    RESERVATION,
    "额度预留已达最长时限，不能继续延长。",
  ),
  TASK_AMBIGUOUS: unmet(["taskId"], RESERVATION, "该任务编号对应多个用户，请指明用户。"),
  GRANT_SOURCE_UNLAWFUL: unmet(
    ["sourceKind", "sourceId"],
    SOURCE,
    "缺少已支付订单或已批准的依据，不能发放额度。",
  ),
  GRANT_SOURCE_USED: exists(
    ["sourceKind", "sourceId", "grantId"],
    { type: "billing.quota.v1.Grant", facts: ["grantId"] },
    "该来源的额度已发放过。",
  ),
  APPROVAL_REQUIRED: unmet(["subject"], SUBJECT, "此操作须先由第二人批准。"),
  SELF_APPROVAL_FORBIDDEN: denied(["approvalId"], APPROVAL, "不能审批自己提交的申请。"),
  APPROVAL_NOT_FOUND: notFound(["approvalId"], APPROVAL, "审批申请不存在。"),
  APPROVAL_NOT_PENDING: unmet(["approvalId", "state"], APPROVAL, "该审批申请已处理。"),
  REVIEW_FAILED: unmet(
    ["featureId", "version", "rules"],
    FEATURE,
    "功能未通过商业规则审查，不能上线。",
  ),
  ORDER_NOT_PAYABLE: unmet(["orderId", "state"], ORDER, "订单当前状态不可支付。"),
  REFUND_EXCEEDS_PAID: unmet(
    ["orderId", "paidFen", "refundedFen", "requestedFen"],
    ORDER,
    "退款金额超过实付金额。",
  ),
  ORDER_NOT_FOUND: notFound(["orderId"], ORDER, "订单不存在。"),
  ORDER_LIMIT_REACHED: exhausted(
    ["userId", "max"],
    { metric: "open_orders", limit: "max" },
    "待支付订单过多，请先完成支付或关闭旧订单。",
  ),
  ORDER_NOT_REFUNDABLE: unmet(["orderId", "state"], ORDER, "该订单当前不能退款。"),
  REFUND_NOT_FOUND: notFound(["refundId"], REFUND, "退款单不存在。"),
  REFUND_NOT_LATEST: unmet(["orderId"], ORDER, "请先退还之后购买的会员订单。"),
  REFUND_LIMIT_REACHED: exhausted(
    ["orderId", "max"],
    { metric: "refunds_of_payment", limit: "max" },
    "退款过于频繁或次数已达上限，请稍后再试。",
  ),
  REFUND_NOT_ABNORMAL: unmet(["refundId", "state"], REFUND, "该退款单不是异常状态。"),
  PAYMENT_NOT_FOUND: notFound(["paymentId"], PAYMENT, "未找到对应的付款记录。"),
  OFFER_NOT_FOUND: notFound(["offerId"], OFFER, "该商品或活动版本不存在。"),
  OFFER_STATE_INVALID: unmet(
    ["offerId", "version", "state"],
    OFFER,
    "该版本的当前状态不允许此操作。",
  ),
  OFFER_REVIEW_FAILED: unmet(
    ["offerId", "version", "rules"],
    OFFER,
    "审查未通过，请按审查意见修改后再发布。",
  ),
  CAMPAIGN_NOT_FOUND: notFound(["campaignId"], CAMPAIGN, "活动不存在。"),
  CAMPAIGN_NOT_RUNNING: unmet(["campaignId"], CAMPAIGN, "活动未开始或已结束。"),
  CAMPAIGN_BUDGET_EXHAUSTED: exhausted(
    ["campaignId", "budget", "spent"],
    { metric: "campaign_budget", limit: "budget" },
    "活动额度已发完。",
  ),
  CAMPAIGN_LIMIT_REACHED: exhausted(
    ["campaignId", "userId", "max"],
    { metric: "campaign_redemptions", limit: "max" },
    "您参与该活动的次数已达上限。",
  ),
  PIPELINE_REVIEW_FAILED: unmet(
    ["pipelineId", "version", "rules"],
    PIPELINE,
    "流程未通过商业规则审查，不能上线。",
  ),
  PIPELINE_NOT_FOUND: notFound(["pipelineId"], PIPELINE, "流程或其版本不存在。"),
  PIPELINE_STATE_INVALID: unmet(
    ["pipelineId", "version", "state"],
    PIPELINE,
    "该流程版本的当前状态不允许此操作。",
  ),
  PIPELINE_FEATURE_UNPUBLISHED: unmet(
    ["pipelineId", "version", "featureIds"],
    PIPELINE,
    "流程所用功能尚未上线，不能发布。",
  ),
  PAYMENT_REFUSED: unmet(["code"], undefined, "微信支付未受理，请联系客服。"),
  PAYMENT_UNAVAILABLE: unavailable(PAYMENT_RETRY_MS, "微信支付暂时不可用，请稍后重试。"),
  PAYMENT_NOT_CONFIGURED: unmet([], undefined, "本服务尚未开通微信支付。"),
  REVIEW_NOT_FOUND: notFound(["reviewId"], REVIEW, "审查记录不存在。"),
  COST_UNPRICED: unmet(["vendor", "service"], VENDOR, "该服务在发生时没有生效的单价。"),
  COST_ALLOCATION_DIFFERS: unmet(["index", "field"], undefined, "成本归属与预留记录不一致。"),
  COST_CONFLICT: exists(["vendor", "externalId"], COST, "同一供应商编号已记录了不同金额。"),
  UNIT_PRICE_NOT_LATER: unmet(["vendor", "service"], VENDOR, "新单价的生效时间须晚于已有单价。"),
  VENDOR_BILL_NOT_FOUND: notFound(["vendor", "month"], VENDOR_BILL, "该月份尚未导入供应商账单。"),
  REPORT_NOT_FOUND: notFound(["reportId | date"], REPORT, "该报表不存在，或尚未生成。"),
  REPORT_PERIOD_NOT_BEGUN: unmet(["period", "date"], PERIOD, "该期间尚无已结束的日期，不能生成报表。"),
  BILL_UNAVAILABLE: unmet(["date", "source", "why"], BILL, "该日账单暂时无法获取或未通过校验。"),
  ALERT_NOT_FOUND: notFound(["alertId"], ALERT, "告警不存在。"),
  ALERT_STATE_INVALID: unmet(["alertId", "state"], ALERT, "该告警当前状态不允许此操作。"),
  DISCREPANCY_NOT_FOUND: notFound(["discrepancyId"], DISCREPANCY, "未找到该对账差异。"),
  DISCREPANCY_STATE_INVALID: unmet(
    ["discrepancyId", "state"],
    DISCREPANCY,
    "该对账差异的当前状态不允许此操作。",
  ),
} satisfies Readonly<Record<WireReason, ReasonRule>> & Readonly<Record<Reason, ReasonRule>>;
