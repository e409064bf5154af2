/** GrantQuota: gives a user a lot from a lawful source, once. */
import type { CampaignId, UserId } from "../id.ts";
import { redemptionFor } from "../membership/redeem-campaign.ts";
import { Refusal } from "../refusal.ts";
import { balanceOf, type Balance } from "./account.ts";
import { readBalance, readLot, storeBalance, storeLot } from "./answers.ts";
import type { Desk, UseCase } from "./desk.ts";
import type { SourceTerms } from "./grant-source.ts";
import type { Lot } from "./lot.ts";
import { newLot } from "./new-lot.ts";

export interface GrantQuota {
  readonly userId: UserId;
  readonly source: { readonly kind: "ORDER" | "CAMPAIGN" | "ADJUSTMENT"; readonly id: string };
}

export interface GrantQuotaAnswer {
  readonly lot: Lot;
  readonly balance: Balance;
}

/**
 * The terms are the source's. A campaign gives by the rules of RedeemCampaign, and is refused as that is; others
 * are refused as GRANT_SOURCE_UNLAWFUL, GRANT_SOURCE_USED.
 */
export const grantQuota: UseCase<GrantQuota, GrantQuotaAnswer> = {
  method: "GrantQuota",
  needs: ({ source }) =>
    source.kind === "CAMPAIGN" ? { campaignId: source.id as CampaignId } : { source },
  content: ({ userId, source }) => ({
    user_id: userId,
    order_id: source.kind === "ORDER" ? source.id : "",
    campaign_id: source.kind === "CAMPAIGN" ? source.id : "",
    approval_id: source.kind === "ADJUSTMENT" ? source.id : "",
  }),
  decide(desk, { userId, source }) {
    const effects =
      source.kind === "CAMPAIGN"
        ? redemptionFor(desk, userId, source.id as CampaignId)
        : newLot(desk, lawfulTerms(desk, userId, source));
    const [lot] = effects.lots;
    return {
      effects,
      answer: () => ({ lot: { ...lot! }, balance: balanceOf(desk.account, desk.nowMs) }),
    };
  },
  answers: {
    write: ({ lot, balance }) => JSON.stringify([[], storeLot(lot), storeBalance(balance)]),
    read: (text) => {
      const [, lot, balance] = JSON.parse(text);
      return { lot: readLot(lot), balance: readBalance(balance) };
    },
  },
};

function lawfulTerms(desk: Desk, userId: UserId, source: GrantQuota["source"]): SourceTerms {
  const terms = desk.source;
  const facts = { sourceKind: source.kind, sourceId: source.id };
  if (terms === undefined || terms.userId !== userId) {
    const message = "quota comes from a paid order, an approved campaign or an approved adjustment";
    throw new Refusal("GRANT_SOURCE_UNLAWFUL", message, facts);
  }
  // A command before this one in the same batch may have used it: then its lot is in the account.
  const given = desk.account.lots.find(
    ({ sourceKind, sourceId }) => sourceKind === source.kind && sourceId === source.id,
  );
  const usedBy = terms.usedBy ?? given?.grantId;
  if (usedBy !== undefined) {
    const message = "the source has given its quota already";
    throw new Refusal("GRANT_SOURCE_USED", message, { ...facts, grantId: usedBy });
  }
  return terms;
}
