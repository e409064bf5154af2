/** Terms of plans, packs and campaigns, as their protos state the rules. */
import { CAMPAIGN_ID, type Campaign } from "../billing/catalog/campaign.ts";
import type { Pack } from "../billing/catalog/pack.ts";
import type { Plan } from "../billing/catalog/plan.ts";
import type { CampaignId } from "../billing/id.ts";
import { PRIORITY_MAX } from "../billing/quota/lot.ts";
import type * as wire from "../gen/billing/catalog/v1/catalog.ts";
import type { Plan as WirePlan } from "../gen/billing/membership/v1/membership.ts";
import { ROLLOVERS } from "./enums.ts";
import type { FieldCheck } from "./field.ts";
import type { TextRule } from "./text-rule.ts";

const CAMPAIGN_ID_RULE =
  "is required: 1 to 59 of the characters A-Z a-z 0-9 . _ - and starts with a letter or a digit";
const DISPLAY_NAME: TextRule = { min: 1, max: 64 };
const PRICE_FEN_MAX = 100_000_000n;
const QUOTA_MAX = 1_000_000_000n;
const REDEMPTION_MAX = 1_000_000n;
const PRIORITY = { min: 0, max: PRIORITY_MAX };
const MONTHS = { min: 0, max: 120 };
const DAYS = { min: 0, max: 3_650 };
const CAMPAIGN_DAYS = { min: 1, max: 3_650 };
const PER_USER = { min: 1, max: 100 };
/** The largest int32: a version counts from 1. */
const VERSION = { min: 1, max: 2_147_483_647 };
/** Versions are counted where they are written. */
const NEW = { version: 0 };

export function readVersion(check: FieldCheck, version: number): number {
  return check.int("version", version, VERSION, 0);
}

export function readPlan(check: FieldCheck, plan: WirePlan | undefined): Plan | undefined {
  if (plan === undefined) {
    check.refuse("plan", "is required");
    return undefined;
  }
  return {
    ...NEW,
    planId: check.planId("plan.plan_id", plan.planId),
    displayName: check.text("plan.display_name", plan.displayName, DISPLAY_NAME),
    priceFen: check.amount("plan.price_fen", plan.priceFen, 0n, PRICE_FEN_MAX),
    periodMonths: check.int("plan.period_months", plan.periodMonths, MONTHS, 0),
    periodDays: check.int("plan.period_days", plan.periodDays, DAYS, 0),
    quotaAmount: check.amount("plan.quota_amount", plan.quotaAmount, 1n, QUOTA_MAX),
    quotaPriority: check.int("plan.quota_priority", plan.quotaPriority, PRIORITY, 0),
    rollover: check.oneOf("plan.rollover", ROLLOVERS, plan.rollover),
    trial: plan.trial,
  };
}

export function readPack(check: FieldCheck, pack: wire.Pack | undefined): Pack | undefined {
  if (pack === undefined) {
    check.refuse("pack", "is required");
    return undefined;
  }
  return {
    ...NEW,
    packId: check.packId("pack.pack_id", pack.packId),
    displayName: check.text("pack.display_name", pack.displayName, DISPLAY_NAME),
    priceFen: check.amount("pack.price_fen", pack.priceFen, 1n, PRICE_FEN_MAX),
    quotaAmount: check.amount("pack.quota_amount", pack.quotaAmount, 1n, QUOTA_MAX),
    quotaPriority: check.int("pack.quota_priority", pack.quotaPriority, PRIORITY, 0),
    validDays: check.int("pack.valid_days", pack.validDays, DAYS, 0),
  };
}

export function readCampaign(
  check: FieldCheck,
  campaign: wire.Campaign | undefined,
): Campaign | undefined {
  if (campaign === undefined) {
    check.refuse("campaign", "is required");
    return undefined;
  }
  const startTimeMs = check.timeMs("campaign.start_time", campaign.startTime);
  const endTimeMs = check.timeMs("campaign.end_time", campaign.endTime);
  if (startTimeMs === null) check.refuse("campaign.start_time", "is required");
  if (endTimeMs === null) check.refuse("campaign.end_time", "is required");
  else if (startTimeMs !== null && endTimeMs <= startTimeMs) {
    check.refuse("campaign.end_time", "must be after start_time");
  }
  if (!CAMPAIGN_ID.test(campaign.campaignId)) check.refuse("campaign.campaign_id", CAMPAIGN_ID_RULE);
  return {
    ...NEW,
    campaignId: campaign.campaignId as CampaignId,
    displayName: check.text("campaign.display_name", campaign.displayName, DISPLAY_NAME),
    quotaAmount: check.amount("campaign.quota_amount", campaign.quotaAmount, 1n, REDEMPTION_MAX),
    quotaPriority: check.int("campaign.quota_priority", campaign.quotaPriority, PRIORITY, 0),
    validDays: check.int("campaign.valid_days", campaign.validDays, CAMPAIGN_DAYS, 0),
    startTimeMs: startTimeMs ?? 0,
    endTimeMs: endTimeMs ?? 0,
    budgetAmount: check.amount("campaign.budget_amount", campaign.budgetAmount, 1n, QUOTA_MAX),
    perUserLimit: check.int("campaign.per_user_limit", campaign.perUserLimit, PER_USER, 0),
  };
}
