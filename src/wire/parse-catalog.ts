/** Requests of CatalogService as commands and queries of the domain. */
import type { ApprovalKind, ApprovalMatter } from "../billing/catalog/approval.ts";
import type { ApprovalFilter, FeatureFilter, FeatureKey } from "../billing/catalog/books.ts";
import type { FeatureTerms, RateLimitPolicy } from "../billing/catalog/feature.ts";
import type { RequestApproval } from "../billing/catalog/request-approval.ts";
import type { SetFeatureAccess } from "../billing/catalog/set-feature-access.ts";
import type { ApprovalId, CampaignId, FeatureId, UserId } from "../billing/id.ts";
import { PRIORITY_DEFAULT, PRIORITY_MAX } from "../billing/quota/lot.ts";
import type * as wire from "../gen/billing/catalog/v1/catalog.ts";
import type {
  ListApprovalsRequest,
  ListFeaturesRequest,
  SetFeatureAccessRequest,
} from "../gen/billing/catalog/v1/catalog_service.ts";
import { ACCESS_SCOPES, APPROVAL_KINDS, APPROVAL_STATES, FEATURE_STATES } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import type { ListRequest } from "./list-quota.ts";
import { readPage, type ListKey } from "./page-token.ts";
import type { TextRule } from "./text-rule.ts";

/** As catalog.proto states them. */
const DISPLAY_NAME: TextRule = { min: 1, max: 64 };
const CATEGORY = /^[a-z0-9_]{1,32}$/;
const QUOTA_COST_MAX = 1_000_000n;
const LAUNCH_PLAN: TextRule = { min: 0, max: 1_000, lines: true };
const USES = { min: 0, max: 10_000 };
const COOLDOWN_SECONDS = { min: 0, max: 86_400 };
const IN_FLIGHT = { min: 0, max: 1_000 };
const ADJUSTMENT_AMOUNT_MAX = 1_000_000_000n;
const PRIORITY = { min: 0, max: PRIORITY_MAX };
const VALID_DAYS = { min: 0, max: 3_650 };
export const NOTE: TextRule = { min: 1, max: 1_000, lines: true };
/** The largest int32: a version counts from 1. */
const VERSION = { min: 1, max: 2_147_483_647 };
/** Users named in one change of a list; more would hold the catalogue's lock for long. */
const ACCESS_USERS_MAX = 500;

/** A version, from 1. */
export function readVersion(check: FieldCheck, field: string, version: number): number {
  return check.int(field, version, VERSION, 0);
}

/** The terms of a new version; what else the message has is not read. */
export function readTerms(
  check: FieldCheck,
  feature: wire.Feature | undefined,
): FeatureTerms | undefined {
  if (feature === undefined) {
    check.refuse("feature", "is required");
    return undefined;
  }
  if (!CATEGORY.test(feature.category)) {
    check.refuse("feature.category", "is required: 1 to 32 of the characters a-z 0-9 _");
  }
  return {
    featureId: check.featureId("feature.feature_id", feature.featureId),
    displayName: check.text("feature.display_name", feature.displayName, DISPLAY_NAME),
    quotaCost: check.amount("feature.quota_cost", feature.quotaCost, 0n, QUOTA_COST_MAX),
    highCost: feature.highCost,
    category: feature.category,
    accessScope: check.oneOf("feature.access_scope", ACCESS_SCOPES, feature.accessScope),
    rateLimitPolicy: readPolicy(check, feature.rateLimitPolicy),
    launchPlan: check.text("feature.launch_plan", feature.launchPlan, LAUNCH_PLAN),
  };
}

function readPolicy(
  check: FieldCheck,
  policy: wire.RateLimitPolicy | undefined,
): RateLimitPolicy | null {
  if (policy === undefined) return null;
  const at = "feature.rate_limit_policy";
  return {
    maxPerHour: check.int(`${at}.max_per_hour`, policy.maxPerHour, USES, 0),
    maxPerDay: check.int(`${at}.max_per_day`, policy.maxPerDay, USES, 0),
    cooldownSeconds: check.int(
      `${at}.cooldown_seconds`,
      policy.cooldownSeconds,
      COOLDOWN_SECONDS,
      0,
    ),
    maxInFlight: check.int(`${at}.max_in_flight`, policy.maxInFlight, IN_FLIGHT, 0),
  };
}

/** What is asked for; the output-only fields are not read. */
export function readApproval(
  check: FieldCheck,
  approval: wire.Approval | undefined,
): RequestApproval | undefined {
  if (approval === undefined) {
    check.refuse("approval", "is required");
    return undefined;
  }
  const reason = check.text("approval.reason", approval.reason, NOTE);
  const matter = readMatter(check, approval);
  return matter && { matter, reason };
}

function readMatter(check: FieldCheck, approval: wire.Approval): ApprovalMatter | undefined {
  const { kind, featureVersion, adjustment, campaignVersion } = approval;
  switch (check.oneOf("approval.kind", APPROVAL_KINDS, kind) as ApprovalKind | null) {
    case "ZERO_COST_FEATURE":
      refuseOthers(check, { ...approval, featureVersion: undefined });
      return readRef(check, featureVersion);
    case "QUOTA_ADJUSTMENT":
      refuseOthers(check, { ...approval, adjustment: undefined });
      return readAdjustment(check, adjustment);
    case "CAMPAIGN":
      refuseOthers(check, { ...approval, campaignVersion: undefined });
      return readCampaignRef(check, campaignVersion);
    case null:
    default:
      return undefined;
  }
}

/** Each kind has a field of its own. */
function refuseOthers(check: FieldCheck, others: wire.Approval): void {
  const { featureVersion, adjustment, campaignVersion } = others;
  if (featureVersion !== undefined) {
    check.refuse("approval.feature_version", "is for ZERO_COST_FEATURE only");
  }
  if (adjustment !== undefined) {
    check.refuse("approval.adjustment", "is for QUOTA_ADJUSTMENT only");
  }
  if (campaignVersion !== undefined) {
    check.refuse("approval.campaign_version", "is for CAMPAIGN only");
  }
}

function readCampaignRef(
  check: FieldCheck,
  ref: wire.CampaignVersionRef | undefined,
): ApprovalMatter | undefined {
  const at = "approval.campaign_version";
  if (ref === undefined) {
    check.refuse(at, "is required for CAMPAIGN");
    return undefined;
  }
  const campaignVersion = {
    campaignId: check.sourceId(`${at}.campaign_id`, ref.campaignId) as CampaignId,
    version: readVersion(check, `${at}.version`, ref.version),
  };
  return { kind: "CAMPAIGN", campaignVersion };
}

function readRef(
  check: FieldCheck,
  ref: wire.FeatureVersionRef | undefined,
): ApprovalMatter | undefined {
  const at = "approval.feature_version";
  if (ref === undefined) {
    check.refuse(at, "is required for ZERO_COST_FEATURE");
    return undefined;
  }
  const featureVersion = {
    featureId: check.featureId(`${at}.feature_id`, ref.featureId),
    version: readVersion(check, `${at}.version`, ref.version),
  };
  return { kind: "ZERO_COST_FEATURE", featureVersion };
}

function readAdjustment(
  check: FieldCheck,
  given: wire.QuotaAdjustment | undefined,
): ApprovalMatter | undefined {
  const at = "approval.adjustment";
  if (given === undefined) {
    check.refuse(at, "is required for QUOTA_ADJUSTMENT");
    return undefined;
  }
  const adjustment = {
    userId: check.userId(`${at}.user_id`, given.userId),
    amount: check.amount(`${at}.amount`, given.amount, 1n, ADJUSTMENT_AMOUNT_MAX),
    priority: check.int(`${at}.priority`, given.priority, PRIORITY, PRIORITY_DEFAULT),
    validDays: check.int(`${at}.valid_days`, given.validDays, VALID_DAYS, 0),
  };
  return { kind: "QUOTA_ADJUSTMENT", adjustment };
}

/** The version that a request may name: 0 for the one in force. */
export function readOptionalVersion(check: FieldCheck, field: string, version: number): number {
  return version === 0 ? 0 : readVersion(check, field, version);
}

export function readAccess(check: FieldCheck, request: SetFeatureAccessRequest): SetFeatureAccess {
  return {
    featureId: check.featureId("feature_id", request.featureId),
    addUserIds: readUsers(check, "add_user_ids", request.addUserIds),
    removeUserIds: readUsers(check, "remove_user_ids", request.removeUserIds),
  };
}

function readUsers(check: FieldCheck, field: string, userIds: readonly string[]): UserId[] {
  if (userIds.length > ACCESS_USERS_MAX) {
    check.refuse(field, `must name at most ${ACCESS_USERS_MAX} users`);
    return [];
  }
  return userIds.map((userId, at) => check.userId(`${field}[${at}]`, userId));
}

const FEATURES: ListKey<FeatureKey> = {
  list: "ListFeatures",
  write: ({ featureId, version }) => [featureId, String(version)],
  read: ([featureId, version]) =>
    featureId === undefined || !/^\d{1,10}$/.test(version ?? "")
      ? undefined
      : { featureId: featureId as FeatureId, version: Number(version) },
};

export function parseListFeatures(
  request: ListFeaturesRequest,
): ListRequest<FeatureFilter, FeatureKey> {
  const check = new FieldCheck();
  const state = check.optionalOneOf("state", FEATURE_STATES, request.state);
  if (request.includeAllStates && state !== null) {
    check.refuse("state", "must be left out together with include_all_states");
  }
  const filter = {
    featureId: ifGiven(request.featureId, (id) => check.featureId("feature_id", id)),
    state: request.includeAllStates ? null : (state ?? ("PUBLISHED" as const)),
  };
  const paging = readPage(check, request, FEATURES, filter);
  check.done();
  return { filter, paging };
}

const APPROVALS: ListKey<{ readonly approvalId: ApprovalId }> = {
  list: "ListApprovals",
  write: ({ approvalId }) => [approvalId],
  read: ([approvalId]) =>
    approvalId === undefined ? undefined : { approvalId: approvalId as ApprovalId },
};

export function parseListApprovals(
  request: ListApprovalsRequest,
): ListRequest<ApprovalFilter, { readonly approvalId: ApprovalId }> {
  const check = new FieldCheck();
  const filter = {
    state: check.optionalOneOf("state", APPROVAL_STATES, request.state),
    kind: check.optionalOneOf("kind", APPROVAL_KINDS, request.kind),
  };
  const paging = readPage(check, request, APPROVALS, filter);
  check.done();
  return { filter, paging };
}
