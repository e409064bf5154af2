/** Rows of the catalogue's tables and the domain's values, each way. */
import type { Approval, ApprovalMatter, ApprovalState } from "../billing/catalog/approval.ts";
import { subjectOf } from "../billing/catalog/approval.ts";
import type { AccessScope, Feature, FeatureState } from "../billing/catalog/feature.ts";
import type { Campaign } from "../billing/catalog/campaign.ts";
import type { Pack } from "../billing/catalog/pack.ts";
import type { Plan } from "../billing/catalog/plan.ts";
import type {
  ApprovalId,
  CampaignId,
  FeatureId,
  PackId,
  PlanId,
  UserId,
} from "../billing/id.ts";
import { toBigInt, toMs, type Row } from "./cell.ts";

export function readFeature(row: Row): Feature {
  return {
    featureId: row["feature_id"] as FeatureId,
    version: Number(row["version"]),
    displayName: row["display_name"] as string,
    quotaCost: toBigInt(row["quota_cost"]),
    highCost: Boolean(row["high_cost"]),
    category: row["category"] as string,
    accessScope: row["access_scope"] as AccessScope,
    // A policy of nothing but zeros is not the same as none: the author gets back what was written.
    rateLimitPolicy: Number(row["limited"])
      ? {
          maxPerHour: Number(row["max_per_hour"]),
          maxPerDay: Number(row["max_per_day"]),
          cooldownSeconds: Number(row["cooldown_seconds"]),
          maxInFlight: Number(row["max_in_flight"]),
        }
      : null,
    launchPlan: row["launch_plan"] as string,
    state: row["state"] as FeatureState,
    createTimeMs: toMs(row["create_time"]),
    publishTimeMs: row["publish_time"] === null ? null : toMs(row["publish_time"]),
    createdBy: row["created_by"] as string,
  };
}

export function readPlan(row: Row): Plan {
  return {
    planId: row["plan_id"] as PlanId,
    displayName: row["display_name"] as string,
    priceFen: toBigInt(row["price_fen"]),
    periodMonths: Number(row["period_months"]),
    periodDays: Number(row["period_days"]),
    quotaAmount: toBigInt(row["quota_amount"]),
    quotaPriority: Number(row["quota_priority"]),
    version: Number(row["version"]),
    rollover: row["rollover"] as Plan["rollover"],
    trial: Boolean(row["trial"]),
  };
}

/** A new version as its row is written. */
export function featureRow(feature: Feature) {
  const { rateLimitPolicy, createTimeMs, publishTimeMs, ...rest } = feature;
  return {
    ...rest,
    limited: rateLimitPolicy !== null,
    maxPerHour: rateLimitPolicy?.maxPerHour ?? 0,
    maxPerDay: rateLimitPolicy?.maxPerDay ?? 0,
    cooldownSeconds: rateLimitPolicy?.cooldownSeconds ?? 0,
    maxInFlight: rateLimitPolicy?.maxInFlight ?? 0,
    createTime: new Date(createTimeMs),
    publishTime: publishTimeMs === null ? null : new Date(publishTimeMs),
  };
}

/** A version that is for sale. */
export function planRow(plan: Plan, createTimeMs: number) {
  return { ...plan, state: "PUBLISHED", createTime: new Date(createTimeMs) };
}

export function readPack(row: Row): Pack {
  return {
    packId: row["pack_id"] as PackId,
    version: Number(row["version"]),
    displayName: row["display_name"] as string,
    priceFen: toBigInt(row["price_fen"]),
    quotaAmount: toBigInt(row["quota_amount"]),
    quotaPriority: Number(row["quota_priority"]),
    validDays: Number(row["valid_days"]),
  };
}

export function readCampaign(row: Row): Campaign {
  return {
    campaignId: row["campaign_id"] as CampaignId,
    version: Number(row["version"]),
    displayName: row["display_name"] as string,
    quotaAmount: toBigInt(row["quota_amount"]),
    quotaPriority: Number(row["quota_priority"]),
    validDays: Number(row["valid_days"]),
    startTimeMs: toMs(row["start_time"]),
    endTimeMs: toMs(row["end_time"]),
    budgetAmount: toBigInt(row["budget_amount"]),
    perUserLimit: Number(row["per_user_limit"]),
  };
}

/** A version that is for sale. */
export function packRow(pack: Pack, createTimeMs: number) {
  return { ...pack, state: "PUBLISHED", createTime: new Date(createTimeMs) };
}

export function readApproval(row: Row): Approval {
  return {
    approvalId: row["approval_id"] as ApprovalId,
    matter: readMatter(row),
    reason: row["reason"] as string,
    state: row["state"] as ApprovalState,
    requestedBy: row["requested_by"] as string,
    decidedBy: row["decided_by"] as string | null,
    decisionNote: row["decision_note"] as string,
    createTimeMs: toMs(row["create_time"]),
    decideTimeMs: row["decide_time"] === null ? null : toMs(row["decide_time"]),
  };
}

function readMatter(row: Row): ApprovalMatter {
  if (row["kind"] === "ZERO_COST_FEATURE") {
    const featureId = row["feature_id"] as FeatureId;
    const version = Number(row["feature_version"]);
    return { kind: "ZERO_COST_FEATURE", featureVersion: { featureId, version } };
  }
  if (row["kind"] === "CAMPAIGN") {
    const [, campaignId, version] = (row["subject"] as string).split("/");
    const named = { campaignId: campaignId as CampaignId, version: Number(version) };
    return { kind: "CAMPAIGN", campaignVersion: named };
  }
  const adjustment = {
    userId: row["user_id"] as UserId,
    amount: toBigInt(row["amount"]),
    priority: Number(row["priority"]),
    validDays: Number(row["valid_days"]),
  };
  return { kind: "QUOTA_ADJUSTMENT", adjustment };
}

/** A new approval as its row is written. */
export function approvalRow(approval: Approval) {
  const { matter, createTimeMs, decideTimeMs, ...rest } = approval;
  const version = matter.kind === "ZERO_COST_FEATURE" ? matter.featureVersion : undefined;
  const adjustment = matter.kind === "QUOTA_ADJUSTMENT" ? matter.adjustment : undefined;
  return {
    ...rest,
    kind: matter.kind,
    subject: subjectOf(matter),
    featureId: version?.featureId ?? null,
    featureVersion: version?.version ?? null,
    userId: adjustment?.userId ?? null,
    amount: adjustment?.amount ?? null,
    priority: adjustment?.priority ?? null,
    validDays: adjustment?.validDays ?? null,
    createTime: new Date(createTimeMs),
    decideTime: decideTimeMs === null ? null : new Date(decideTimeMs),
  };
}
