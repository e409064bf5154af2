/** RedeemCampaign: gives a user what a campaign gives, within its budget, its time and its limit. */
import type { Campaign } from "../catalog/campaign.ts";
import { DAY_MS } from "../clock.ts";
import type { CampaignId, GrantId, UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import type { Desk, UseCase } from "../quota/desk.ts";
import { newLot } from "../quota/new-lot.ts";
import type { Effects } from "../quota/posting.ts";
import { Refusal } from "../refusal.ts";
import { standingRefusal } from "./change-membership.ts";
import { reasonsAgainst } from "./state-table.ts";

/** A campaign under its budget's lock, and one user's redemptions of it. */
export interface CampaignFile {
  /** The version in force; undefined when there's none. */
  readonly inForce: Campaign | undefined;
  /** What all versions have given away. */
  readonly spentAmount: QuotaUnits;
  /** How often this user has redeemed it. */
  readonly redeemed: number;
}

/** One redemption. Written once. */
export interface Redemption {
  readonly campaignId: CampaignId;
  readonly userId: UserId;
  /** Counts the user's redemptions of the campaign from 1. */
  readonly number: number;
  readonly grantId: GrantId;
  readonly amount: QuotaUnits;
}

export interface RedeemCampaign {
  readonly userId: UserId;
  readonly campaignId: CampaignId;
}

export interface RedeemCampaignAnswer {
  readonly grantId: GrantId;
  readonly grantedAmount: QuotaUnits;
  readonly expireTimeMs: number;
  readonly available: QuotaUnits;
}

/**
 * Whoever is registered and not suspended may redeem: what it gives can be used by members only. Refused as
 * USER_NOT_FOUND, USER_SUSPENDED, CAMPAIGN_NOT_FOUND, CAMPAIGN_NOT_RUNNING, CAMPAIGN_LIMIT_REACHED,
 * CAMPAIGN_BUDGET_EXHAUSTED: the first of these that applies.
 */
export const redeemCampaign: UseCase<RedeemCampaign, RedeemCampaignAnswer> = {
  method: "RedeemCampaign",
  needs: ({ campaignId }) => ({ campaignId }),
  content: ({ userId, campaignId }) => ({ user_id: userId, campaign_id: campaignId }),
  decide(desk, { userId, campaignId }) {
    const effects = redemptionFor(desk, userId, campaignId);
    const [lot] = effects.lots;
    const { grantId, amount } = lot!;
    return {
      effects,
      answer: () => ({
        grantId,
        grantedAmount: amount,
        expireTimeMs: lot!.expireTimeMs!,
        available: desk.account.user.available,
      }),
    };
  },
  answers: {
    write: ({ grantId, grantedAmount, expireTimeMs, available }) =>
      JSON.stringify([[], grantId, Number(grantedAmount), expireTimeMs, Number(available)]),
    read: (text) => {
      const [, grantId, grantedAmount, expireTimeMs, available] = JSON.parse(text);
      return {
        grantId,
        grantedAmount: BigInt(grantedAmount),
        expireTimeMs,
        available: BigInt(available),
      };
    },
  },
};

/**
 * One redemption: the lot, and what it takes from the budget.
 * @throws Refusal as RedeemCampaign
 */
export function redemptionFor(desk: Desk, userId: UserId, campaignId: CampaignId): Effects {
  const { campaign, redeemed } = redeemable(desk, campaignId);
  const number = redeemed + 1;
  const gift = newLot(desk, {
    kind: "CAMPAIGN",
    // A source gives once: from the second redemption on it bears its number.
    id: number === 1 ? campaignId : `${campaignId}:${number}`,
    userId,
    amount: campaign.quotaAmount,
    priority: campaign.quotaPriority,
    validMs: campaign.validDays * DAY_MS,
    usedBy: null,
  });
  const [lot] = gift.lots;
  const { grantId, amount } = lot!;
  const event = {
    type: "campaign.redeemed" as const,
    subject: campaignId,
    payload: {
      campaign_id: campaignId,
      user_id: userId,
      grant_id: grantId,
      amount: Number(amount),
    },
  };
  const redemptions = [{ campaignId, userId, number, grantId, amount }];
  return { ...gift, redemptions, events: [event] };
}

/** The campaign as this user may redeem it now. */
function redeemable(desk: Desk, campaignId: CampaignId) {
  const { user } = desk.account;
  const { userId } = user;
  const [reason] = reasonsAgainst(user, desk.nowMs, "REDEEM");
  if (reason !== undefined) throw standingRefusal(reason, user);
  const file = desk.campaign;
  if (file === undefined) {
    throw new Refusal("CAMPAIGN_NOT_FOUND", "there is no such campaign", { campaignId });
  }
  const { inForce: campaign, spentAmount, redeemed } = file;
  const isTime =
    campaign !== undefined && campaign.startTimeMs <= desk.nowMs && desk.nowMs < campaign.endTimeMs;
  if (!isTime) {
    const message = "the campaign is not in force, or it is not its time";
    throw new Refusal("CAMPAIGN_NOT_RUNNING", message, { campaignId });
  }
  if (redeemed >= campaign.perUserLimit) {
    const facts = { campaignId, userId, max: String(campaign.perUserLimit) };
    throw new Refusal(
      "CAMPAIGN_LIMIT_REACHED",
      "the user has redeemed it as often as it allows",
      facts,
    );
  }
  if (spentAmount + campaign.quotaAmount > campaign.budgetAmount) {
    const facts = {
      campaignId,
      budget: String(campaign.budgetAmount),
      spent: String(spentAmount),
    };
    throw new Refusal(
      "CAMPAIGN_BUDGET_EXHAUSTED",
      "the campaign has given away what it had",
      facts,
    );
  }
  return { campaign, redeemed };
}
