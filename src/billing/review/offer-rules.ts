/** The reviewer's rules for plans, packs and campaigns: what is sold has a price, what is given away an end. */
import type { Campaign } from "../catalog/campaign.ts";
import type { OfferKind, OfferTerms } from "../catalog/offer.ts";
import type { Pack } from "../catalog/pack.ts";
import type { Plan } from "../catalog/plan.ts";
import { DAY_MS } from "../clock.ts";
import type { Finding, Severity } from "./finding.ts";

/** A unit of quota has to bring more than the cheapest use costs to run. */
const FEN_PER_UNIT_MIN = 10n;
/** Who gives away for longer than this has a plan, not a campaign. */
const CAMPAIGN_DAYS_MAX = 92;
/** A user who gets more than a month's quota needs no month. */
const CAMPAIGN_AMOUNT_WARN = 300n;

export interface OfferRule {
  readonly id: string;
  readonly severity: Severity;
  /** What it demands, as a sentence. */
  readonly title: string;
  readonly field: string;
  readonly remediation: string;
}

export const OFFER_RULES: readonly OfferRule[] = [
  {
    id: "BG120",
    severity: "FAIL",
    title: "A plan or pack that is sold has a price.",
    field: "price_fen",
    remediation: "Set price_fen to 1 or more.",
  },
  {
    id: "BG121",
    severity: "WARN",
    title: "A unit of quota brings at least 10 fen.",
    field: "price_fen",
    remediation: "Raise the price, or bring less quota.",
  },
  {
    id: "BG122",
    severity: "FAIL",
    title: "A plan runs for months or for days, not for both and not for neither.",
    field: "period_months",
    remediation: "Set one of period_months and period_days, and leave the other 0.",
  },
  {
    id: "BG123",
    severity: "FAIL",
    title: "A campaign's budget is enough for one redemption at least.",
    field: "budget_amount",
    remediation: "Raise the budget, or give less with each redemption.",
  },
  {
    id: "BG124",
    severity: "WARN",
    title: "A campaign lasts for 92 days at most.",
    field: "end_time",
    remediation: "Let it end earlier, and start another one.",
  },
  {
    id: "BG125",
    severity: "WARN",
    title: "A campaign gives one user less than a month's quota.",
    field: "quota_amount",
    remediation: "Give less, or let a user redeem it less often.",
  },
  {
    id: "BG126",
    severity: "WARN",
    title: "Quota that is bought does not stay for ever.",
    field: "rollover",
    remediation:
      "Choose NONE or ONE_PERIOD for a plan, and valid_days for a pack: what never lapses is owed for ever.",
  },
  {
    id: "BG127",
    severity: "FAIL",
    title: "Registration always has a trial to give.",
    field: "trial",
    remediation: "Keep trial set, or publish another plan as the trial first.",
  },
  {
    id: "BG128",
    severity: "FAIL",
    title: "A trial costs nothing and runs for days.",
    field: "trial",
    remediation:
      "Set price_fen to 0 and period_days, or leave trial false: nobody pays at registration.",
  },
];

/**
 * Findings, in the order of their rules.
 * @param isOnlyTrial true for the one plan in force that registration can give
 */
export function reviewOffer<Kind extends OfferKind>(
  kind: Kind,
  terms: OfferTerms[Kind],
  isOnlyTrial = false,
): Finding[] {
  const broken =
    kind === "PLAN"
      ? brokenByPlan(terms as Plan, isOnlyTrial)
      : kind === "PACK"
        ? brokenByPack(terms as Pack)
        : brokenByCampaign(terms as Campaign);
  return OFFER_RULES.filter(({ id }) => broken.has(id)).map((rule) => ({
    ruleId: rule.id,
    severity: rule.severity,
    field: rule.field,
    message: broken.get(rule.id)!,
    remediation: rule.remediation,
  }));
}

function brokenByPlan(plan: Plan, isOnlyTrial: boolean): Map<string, string> {
  const broken = new Map<string, string>();
  if (plan.priceFen < 1n && !plan.trial) broken.set("BG120", "the plan costs nothing");
  if (!plan.trial && plan.priceFen >= 1n && plan.priceFen < plan.quotaAmount * FEN_PER_UNIT_MIN) {
    broken.set("BG121", `${plan.quotaAmount} units for ${plan.priceFen} fen`);
  }
  if (plan.periodMonths > 0 === plan.periodDays > 0) {
    broken.set("BG122", `it runs for ${plan.periodMonths} months and ${plan.periodDays} days`);
  }
  if (plan.rollover === "UNTIL_USED") broken.set("BG126", "its quota never lapses");
  if (isOnlyTrial && !plan.trial) broken.set("BG127", "no other plan in force is the trial");
  if (plan.trial && (plan.priceFen > 0n || plan.periodDays < 1)) {
    broken.set(
      "BG128",
      `the trial costs ${plan.priceFen} fen and runs for ${plan.periodDays} days`,
    );
  }
  return broken;
}

function brokenByPack(pack: Pack): Map<string, string> {
  const broken = new Map<string, string>();
  if (pack.priceFen < 1n) broken.set("BG120", "the pack costs nothing");
  else if (pack.priceFen < pack.quotaAmount * FEN_PER_UNIT_MIN) {
    broken.set("BG121", `${pack.quotaAmount} units for ${pack.priceFen} fen`);
  }
  if (pack.validDays === 0) broken.set("BG126", "its quota never lapses");
  return broken;
}

function brokenByCampaign(campaign: Campaign): Map<string, string> {
  const broken = new Map<string, string>();
  const { quotaAmount, budgetAmount, perUserLimit, startTimeMs, endTimeMs } = campaign;
  if (budgetAmount < quotaAmount) {
    broken.set("BG123", `the budget is ${budgetAmount}, one redemption takes ${quotaAmount}`);
  }
  if (endTimeMs - startTimeMs > CAMPAIGN_DAYS_MAX * DAY_MS) {
    broken.set("BG124", `it lasts for ${Math.ceil((endTimeMs - startTimeMs) / DAY_MS)} days`);
  }
  const perUser = quotaAmount * BigInt(perUserLimit);
  if (perUser >= CAMPAIGN_AMOUNT_WARN) broken.set("BG125", `one user can get ${perUser} units`);
  return broken;
}
