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

const id = () => p.string().length(ID_LENGTH);
const word = () => p.string().length(WORD_LENGTH);
const amount = () => p.bigint("bigint");
const time = () => p.datetime(3);

/** Ledgers: what has happened is not changed; a correction is another row. */
const appendOnly = (table: string) => [
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
    quotaRemaining: amount(),
    quotaHeld: amount(),
    logSequence: amount(),
    createTime: time(),
  },
  checks: [
    { name: "users_quota_remaining_not_negative", expression: "quota_remaining >= 0" },
    { name: "users_quota_held_not_negative", expression: "quota_held >= 0" },
  ],
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
    displayName: p.string().length(64),
    priceFen: amount(),
    periodMonths: p.integer(),
    periodDays: p.integer(),
    quotaAmount: amount(),
    quotaPriority: p.integer(),
    trial: p.boolean(),
    createTime: time(),
  },
  checks: [{ name: "plans_price_not_negative", expression: "price_fen >= 0" }],
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

export const TABLES = [
  UserTable,
  GrantTable,
  ReservationTable,
  OperationTable,
  LogTable,
  FeatureTable,
  FeatureAccessTable,
  CatalogRevisionTable,
  PlanTable,
  ApprovalTable,
  AuditEventTable,
];
