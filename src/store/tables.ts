/**
 * The tables. Ids are made by the application and ordered by time, text is compared byte by byte
 * (utf8mb4_bin), times are UTC with milliseconds, and no foreign key crosses from one user's rows
 * to another's. The hot rows (users, quota_*, operations) are read and written by books.ts with plain
 * SQL in bulk; these definitions are their schema.
 */
import { defineEntity, p } from "@mikro-orm/core";

const ID_LENGTH = 63;
const KEY_LENGTH = 128;
const WORD_LENGTH = 24;
/** What a sealed value of up to some hundred bytes takes: key id, nonce, tag, base64. */
const SEALED_LENGTH = 1_000;

const id = () => p.string().length(ID_LENGTH);
const word = () => p.string().length(WORD_LENGTH);
const amount = () => p.bigint("bigint");
const time = () => p.datetime(3);

/** Ledgers: what has happened is not changed; a correction is another row. */
export const appendOnly = (table: string) => [
  {
    name: `${table}_no`,
    timing: "before" as const,
    events: ["update" as const, "delete" as const],
    body: `signal sqlstate '45000'
      set message_text = '${table} is append-only: rows are never changed or removed'`,
  },
];

export const UserTable = defineEntity({
  name: "User",
  tableName: "users",
  properties: {
    userId: id().primary(),
    state: word(),
    suspendReason: p.string().length(255),
    planId: id().nullable(),
    onTrial: p.boolean(),
    membershipStartTime: time().nullable(),
    membershipUntil: time().nullable(),
    membershipAnchorTime: time().nullable(),
    membershipAnchorMonths: p.integer().defaultRaw("0"),
    /** As last recorded; the clock may be ahead of it. */
    membershipState: word().default("NONE"),
    membershipSteps: p.integer().defaultRaw("0"),
    expiryTold: p.boolean().default(false),
    quotaRemaining: amount(),
    quotaHeld: amount(),
    logSequence: amount(),
    createTime: time(),
  },
  checks: [
    { name: "users_quota_remaining_not_negative", expression: "quota_remaining >= 0" },
    { name: "users_quota_held_not_negative", expression: "quota_held >= 0" },
  ],
  indexes: [
    { name: "users_listing", properties: ["state", "userId", "membershipUntil", "onTrial"] },
    { name: "users_membership", properties: ["membershipState", "membershipUntil"] },
    { name: "users_expiry", properties: ["expiryTold", "membershipState", "membershipUntil"] },
  ],
});

/** The record of memberships: every change of one. Append-only. */
export const MembershipTransitionTable = defineEntity({
  name: "MembershipTransition",
  tableName: "membership_transitions",
  properties: {
    userId: id().primary(),
    sequence: p.integer().primary(),
    event: word(),
    fromState: word(),
    toState: word(),
    endBefore: time().nullable(),
    endAfter: time().nullable(),
    planId: id().nullable(),
    orderId: id().nullable(),
    refundId: id().nullable(),
    campaignId: id().nullable(),
    source: word(),
    actor: id(),
    note: p.string().length(255),
    createTime: time(),
  },
  indexes: [{ name: "membership_transitions_time", properties: ["createTime", "event"] }],
  triggers: appendOnly("membership_transitions"),
});

export const GrantTable = defineEntity({
  name: "QuotaGrant",
  tableName: "quota_grants",
  properties: {
    userId: id().primary(),
    grantId: id().primary(),
    amount: amount(),
    remaining: amount(),
    priority: p.integer(),
    effectiveTime: time(),
    expireTime: time().nullable(),
    sourceKind: word(),
    sourceId: id(),
    state: word(),
    createTime: time(),
  },
  checks: [
    { name: "quota_grants_within_amount", expression: "remaining >= 0 and remaining <= amount" },
  ],
  uniques: [{ name: "quota_grants_source", properties: ["sourceKind", "sourceId", "userId"] }],
  indexes: [
    { name: "quota_grants_lapse", properties: ["state", "expireTime"] },
    { name: "quota_grants_start", properties: ["state", "effectiveTime"] },
  ],
});

export const ReservationTable = defineEntity({
  name: "QuotaReservation",
  tableName: "quota_reservations",
  properties: {
    reservationId: id().primary(),
    userId: id(),
    featureId: id(),
    featureVersion: p.integer(),
    taskId: id(),
    quantity: p.integer(),
    unitCost: amount(),
    amount: amount(),
    committedAmount: amount(),
    refundedAmount: amount(),
    state: word(),
    eligibleForRefund: p.boolean(),
    refunded: p.boolean(),
    allocations: p.text().columnType("mediumtext"),
    labels: p.text(),
    countsForLimits: p.boolean(),
    decision: p.string().length(255),
    createTime: time(),
    expireTime: time(),
    commitTime: time().nullable(),
    refundTime: time().nullable(),
    refundReason: p.string().length(32).nullable(),
    failedStep: p.string().length(255),
    refundDetail: p.string().length(1000),
  },
  checks: [
    {
      name: "quota_reservations_amounts",
      expression:
        "amount >= 0 and committed_amount >= 0 and refunded_amount >= 0 and committed_amount + refunded_amount <= amount",
    },
  ],
  indexes: [
    { name: "quota_reservations_use", properties: ["userId", "featureId", "createTime"] },
    { name: "quota_reservations_task", properties: ["taskId"] },
    { name: "quota_reservations_end", properties: ["state", "expireTime"] },
  ],
});

export const OperationTable = defineEntity({
  name: "Operation",
  tableName: "operations",
  properties: {
    operationId: id().primary(),
    method: p.string().length(40),
    idempotencyKey: p.string().length(KEY_LENGTH).nullable(),
    userId: id().nullable(),
    caller: id(),
    content: p.text(),
    answer: p.text().columnType("mediumtext"),
    createTime: time(),
  },
  uniques: [{ name: "operations_key", properties: ["idempotencyKey", "method"] }],
  triggers: appendOnly("operations"),
});

export const LogTable = defineEntity({
  name: "QuotaLog",
  tableName: "quota_logs",
  properties: {
    operationId: id().primary(),
    line: p.integer().primary(),
    userId: id(),
    sequence: amount(),
    type: word(),
    grantId: id().nullable(),
    reservationId: id().nullable(),
    availableChange: amount(),
    heldChange: amount(),
    availableAfter: amount(),
    heldAfter: amount(),
    grantRemainingAfter: amount(),
    description: p.string().length(400),
    method: p.string().length(40),
    caller: id(),
    idempotencyKey: p.string().length(KEY_LENGTH).nullable(),
    content: p.text().nullable(),
    answer: p.text().columnType("mediumtext").nullable(),
    createTime: time(),
  },
  checks: [
    { name: "quota_logs_not_negative", expression: "available_after >= 0 and held_after >= 0" },
  ],
  uniques: [
    { name: "quota_logs_sequence", properties: ["userId", "sequence"] },
    { name: "quota_logs_key", properties: ["idempotencyKey", "method"] },
  ],
  triggers: appendOnly("quota_logs"),
});

export const FeatureTable = defineEntity({
  name: "Feature",
  tableName: "features",
  properties: {
    featureId: id().primary(),
    version: p.integer().primary(),
    displayName: p.string().length(64),
    quotaCost: amount(),
    highCost: p.boolean(),
    category: p.string().length(32),
    accessScope: word(),
    limited: p.boolean(),
    maxPerHour: p.integer(),
    maxPerDay: p.integer(),
    cooldownSeconds: p.integer(),
    maxInFlight: p.integer(),
    launchPlan: p.string().length(1000),
    state: word(),
    createTime: time(),
    publishTime: time().nullable(),
    createdBy: id(),
  },
  checks: [{ name: "features_cost_not_negative", expression: "quota_cost >= 0" }],
});

/** Which users a WHITELIST or INTERNAL feature is open to. */
export const FeatureAccessTable = defineEntity({
  name: "FeatureAccess",
  tableName: "feature_access",
  properties: {
    userId: id().primary(),
    featureId: id().primary(),
    createTime: time(),
    createdBy: id(),
  },
  indexes: [{ name: "feature_access_feature", properties: ["featureId"] }],
});

/** One row, whose number goes up with every change of what is in force. */
export const CatalogRevisionTable = defineEntity({
  name: "CatalogRevision",
  tableName: "catalog_revisions",
  properties: {
    catalogId: p.integer().primary().autoincrement(false),
    revision: amount(),
  },
});

export const PlanTable = defineEntity({
  name: "Plan",
  tableName: "plans",
  properties: {
    planId: id().primary(),
    version: p.integer().primary(),
    displayName: p.string().length(64),
    priceFen: amount(),
    periodMonths: p.integer(),
    periodDays: p.integer(),
    quotaAmount: amount(),
    quotaPriority: p.integer(),
    trial: p.boolean(),
    createTime: time(),
    rollover: word(),
    state: word(),
  },
  checks: [{ name: "plans_price_not_negative", expression: "price_fen >= 0" }],
});

export const PackTable = defineEntity({
  name: "Pack",
  tableName: "packs",
  properties: {
    packId: id().primary(),
    version: p.integer().primary(),
    displayName: p.string().length(64),
    priceFen: amount(),
    quotaAmount: amount(),
    quotaPriority: p.integer(),
    validDays: p.integer(),
    state: word(),
    createTime: time(),
  },
  checks: [{ name: "packs_price_positive", expression: "price_fen >= 1" }],
});

/** The texts of pipelines. Append-only; what has happened to a version stands in its steps. */
export const PipelineVersionTable = defineEntity({
  name: "PipelineVersion",
  tableName: "pipeline_versions",
  properties: {
    pipelineId: id().primary(),
    version: p.integer().primary(),
    path: p.string().length(255),
    format: word(),
    content: p.text().columnType("mediumtext"),
    contentSha256: p.string().length(64),
    featureIds: p.text(),
    createdBy: id(),
    createTime: time(),
  },
  triggers: appendOnly("pipeline_versions"),
});

/** The life of a pipeline's version: its publication with the reviewer's word, and its end. Append-only. */
export const PipelineStepTable = defineEntity({
  name: "PipelineStep",
  tableName: "pipeline_steps",
  properties: {
    pipelineId: id().primary(),
    version: p.integer().primary(),
    number: p.integer().primary(),
    state: word(),
    verdict: word().nullable(),
    findings: p.text().columnType("mediumtext").nullable(),
    actor: id(),
    createTime: time(),
  },
  triggers: appendOnly("pipeline_steps"),
});

export const CampaignTable = defineEntity({
  name: "Campaign",
  tableName: "campaigns",
  properties: {
    campaignId: id().primary(),
    version: p.integer().primary(),
    displayName: p.string().length(64),
    quotaAmount: amount(),
    quotaPriority: p.integer(),
    validDays: p.integer(),
    startTime: time(),
    endTime: time(),
    budgetAmount: amount(),
    perUserLimit: p.integer(),
    state: word(),
    createTime: time(),
  },
});

/** What all versions of a campaign have given away: the row whose lock guards the budget. */
export const CampaignBudgetTable = defineEntity({
  name: "CampaignBudget",
  tableName: "campaign_budgets",
  properties: { campaignId: id().primary(), spentAmount: amount() },
  checks: [{ name: "campaign_budgets_not_negative", expression: "spent_amount >= 0" }],
});

/** Append-only. */
export const CampaignRedemptionTable = defineEntity({
  name: "CampaignRedemption",
  tableName: "campaign_redemptions",
  properties: {
    campaignId: id().primary(),
    userId: id().primary(),
    number: p.integer().primary(),
    grantId: id(),
    amount: amount(),
    createTime: time(),
  },
  triggers: appendOnly("campaign_redemptions"),
});

export const ApprovalTable = defineEntity({
  name: "Approval",
  tableName: "approvals",
  properties: {
    approvalId: id().primary(),
    kind: p.string().length(32),
    /** What it counts for: `feature/<id>/<version>` or `user/<id>`. */
    subject: p.string().length(160),
    featureId: id().nullable(),
    featureVersion: p.integer().nullable(),
    userId: id().nullable(),
    amount: amount().nullable(),
    priority: p.integer().nullable(),
    validDays: p.integer().nullable(),
    reason: p.string().length(1000),
    state: word(),
    requestedBy: id(),
    decidedBy: id().nullable(),
    decisionNote: p.string().length(1000),
    createTime: time(),
    decideTime: time().nullable(),
  },
  indexes: [
    { name: "approvals_subject", properties: ["subject", "state"] },
    { name: "approvals_state", properties: ["state", "approvalId"] },
  ],
});

/** Who changed what, besides quota, which has its own log. Append-only. */
export const AuditEventTable = defineEntity({
  name: "AuditEvent",
  tableName: "audit_events",
  properties: {
    eventId: id().primary(),
    actor: id(),
    action: p.string().length(40),
    subject: p.string().length(160),
    /** JSON; empty where there was nothing before. */
    stateBefore: p.text().columnType("mediumtext"),
    /** JSON; a thousand users put on a list or taken off it don't fit into less. */
    stateAfter: p.text().columnType("mediumtext"),
    reason: p.string().length(1000),
    createTime: time(),
  },
  indexes: [{ name: "audit_events_subject", properties: ["subject"] }],
  triggers: appendOnly("audit_events"),
});

export const OrderTable = defineEntity({
  name: "Order",
  tableName: "orders",
  properties: {
    orderId: id().primary(),
    userId: id(),
    kind: word(),
    productId: id(),
    productVersion: p.integer(),
    /** JSON: the terms that hold for this order. */
    product: p.text(),
    quantity: p.integer(),
    channel: word(),
    amountFen: amount(),
    payerOpenidSealed: p.string().length(SEALED_LENGTH).nullable(),
    clientIpSealed: p.string().length(SEALED_LENGTH).nullable(),
    createTime: time(),
    expireTime: time(),
    state: word(),
    prepaySealed: p.text().nullable(),
    prepayExpireTime: time().nullable(),
    payTime: time().nullable(),
    closeTime: time().nullable(),
    paymentId: id().nullable(),
    refundedFen: amount(),
    grantedAmount: amount(),
    revokedAmount: amount(),
    membershipStartTime: time().nullable(),
    membershipEndTime: time().nullable(),
    steps: p.integer(),
    nextCheckTime: time().nullable(),
    checks: p.integer(),
  },
  checks: [
    {
      name: "orders_amounts",
      expression:
        "amount_fen >= 1 and refunded_fen >= 0 and refunded_fen <= amount_fen and revoked_amount >= 0 and revoked_amount <= granted_amount",
    },
  ],
  indexes: [
    { name: "orders_user", properties: ["userId", "orderId"] },
    { name: "orders_state", properties: ["state", "orderId"] },
    { name: "orders_check", properties: ["nextCheckTime"] },
    { name: "orders_closed", properties: ["closeTime"] },
  ],
});

/** Money that came in. Append-only. */
export const PaymentTable = defineEntity({
  name: "Payment",
  tableName: "payments",
  properties: {
    paymentId: id().primary(),
    orderId: id(),
    userId: id(),
    /** Keyed hash of the provider's number: one payment is booked once. */
    transactionIndex: id(),
    amountFen: amount(),
    currency: word(),
    payTime: time(),
    disposition: word(),
    source: word(),
    note: p.string().length(255),
    createTime: time(),
  },
  uniques: [{ name: "payments_transaction", properties: ["transactionIndex"] }],
  indexes: [
    { name: "payments_order", properties: ["orderId"] },
    { name: "payments_time", properties: ["createTime"] },
    { name: "payments_pay_time", properties: ["payTime", "paymentId"] },
  ],
  triggers: appendOnly("payments"),
});

/** The provider's numbers of payments, sealed: apart, since payments never change and keys do. */
export const PaymentNumberTable = defineEntity({
  name: "PaymentNumber",
  tableName: "payment_numbers",
  properties: {
    paymentId: id().primary(),
    transactionSealed: p.string().length(SEALED_LENGTH),
  },
});

export const RefundTable = defineEntity({
  name: "Refund",
  tableName: "refunds",
  properties: {
    refundId: id().primary(),
    orderId: id(),
    userId: id(),
    paymentId: id(),
    amountFen: amount(),
    reason: p.string().length(80),
    automatic: p.boolean(),
    createTime: time(),
    state: word(),
    revokedAmount: amount(),
    revocation: p.text(),
    providerRefundId: id().nullable(),
    successTime: time().nullable(),
    obstacle: p.string().length(255),
    steps: p.integer(),
    nextCheckTime: time().nullable(),
    checks: p.integer(),
  },
  checks: [{ name: "refunds_amounts", expression: "amount_fen >= 1 and revoked_amount >= 0" }],
  indexes: [
    { name: "refunds_order", properties: ["orderId"] },
    { name: "refunds_user", properties: ["userId", "refundId"] },
    { name: "refunds_state", properties: ["state", "refundId"] },
    { name: "refunds_check", properties: ["nextCheckTime"] },
    { name: "refunds_success", properties: ["successTime"] },
  ],
});

/** The moves of orders and refunds. Append-only. */
export const OrderStepTable = defineEntity({
  name: "OrderStep",
  tableName: "order_steps",
  properties: {
    subjectId: id().primary(),
    sequence: p.integer().primary(),
    userId: id(),
    fromState: word(),
    toState: word(),
    source: word(),
    actor: id(),
    note: p.string().length(255),
    createTime: time(),
  },
  triggers: appendOnly("order_steps"),
});

/** What the provider has told us by itself, kept before it is answered. */
export const PaymentInboxTable = defineEntity({
  name: "PaymentInbox",
  tableName: "payment_inbox",
  properties: {
    inboxId: id().primary(),
    /** Keyed hash of the content: the same notice is kept once. */
    contentIndex: id(),
    kind: word(),
    subjectId: id(),
    contentSealed: p.text(),
    state: word(),
    note: p.string().length(255),
    attempts: p.integer(),
    createTime: time(),
    nextTryTime: time().nullable(),
    endTime: time().nullable(),
  },
  uniques: [{ name: "payment_inbox_content", properties: ["contentIndex"] }],
  indexes: [
    { name: "payment_inbox_try", properties: ["nextTryTime"] },
    { name: "payment_inbox_subject", properties: ["subjectId"] },
  ],
});

export const TABLES = [
  UserTable,
  MembershipTransitionTable,
  GrantTable,
  ReservationTable,
  OperationTable,
  LogTable,
  FeatureTable,
  FeatureAccessTable,
  CatalogRevisionTable,
  PlanTable,
  PackTable,
  PipelineVersionTable,
  PipelineStepTable,
  CampaignTable,
  CampaignBudgetTable,
  CampaignRedemptionTable,
  ApprovalTable,
  AuditEventTable,
  OrderTable,
  PaymentTable,
  PaymentNumberTable,
  RefundTable,
  OrderStepTable,
  PaymentInboxTable,
];
