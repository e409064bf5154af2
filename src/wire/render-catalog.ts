/** Features and approvals as the contract shows them. */
import type { Approval } from "../billing/catalog/approval.ts";
import type { Feature } from "../billing/catalog/feature.ts";
import type { Finding } from "../billing/review/finding.ts";
import * as wire from "../gen/billing/catalog/v1/catalog.ts";
import type { ReviewFinding } from "../gen/billing/catalog/v1/catalog_service.ts";
import { time } from "./render-quota.ts";

export function feature(shown: Feature): wire.Feature {
  return {
    featureId: shown.featureId,
    version: shown.version,
    displayName: shown.displayName,
    quotaCost: shown.quotaCost,
    highCost: shown.highCost,
    category: shown.category,
    accessScope: wire.Feature_AccessScope[shown.accessScope],
    rateLimitPolicy: shown.rateLimitPolicy === null ? undefined : { ...shown.rateLimitPolicy },
    launchPlan: shown.launchPlan,
    state: wire.Feature_State[shown.state],
    createTime: new Date(shown.createTimeMs),
    publishTime: time(shown.publishTimeMs),
    createdBy: shown.createdBy,
  };
}

export function finding(found: Finding): ReviewFinding {
  return {
    ruleId: found.ruleId,
    severity: found.severity,
    field: found.field,
    message: found.message,
    remediation: found.remediation,
  };
}

export function approval(shown: Approval): wire.Approval {
  const { matter } = shown;
  return {
    approvalId: shown.approvalId,
    kind: wire.Approval_Kind[matter.kind],
    featureVersion: matter.kind === "ZERO_COST_FEATURE" ? { ...matter.featureVersion } : undefined,
    adjustment: matter.kind === "QUOTA_ADJUSTMENT" ? { ...matter.adjustment } : undefined,
    campaignVersion: matter.kind === "CAMPAIGN" ? { ...matter.campaignVersion } : undefined,
    reason: shown.reason,
    state: wire.Approval_State[shown.state],
    requestedBy: shown.requestedBy,
    decidedBy: shown.decidedBy ?? "",
    decisionNote: shown.decisionNote,
    createTime: new Date(shown.createTimeMs),
    decideTime: time(shown.decideTimeMs),
  };
}
