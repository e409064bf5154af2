/** Plans, packs and campaigns as the contract shows them. */
import type { OfferVersion } from "../billing/catalog/offer.ts";
import type { Pack } from "../billing/catalog/pack.ts";
import type { QuotaUnits } from "../billing/money.ts";
import * as wire from "../gen/billing/catalog/v1/catalog.ts";
import { plan } from "./render-membership.ts";

export { plan };

export function pack(shown: Pack): wire.Pack {
  return {
    packId: shown.packId,
    version: shown.version,
    displayName: shown.displayName,
    priceFen: shown.priceFen,
    quotaAmount: shown.quotaAmount,
    quotaPriority: shown.quotaPriority,
    validDays: shown.validDays,
  };
}

/** @param spentAmount what all of its versions have given away */
export function campaign(
  { terms, state }: OfferVersion<"CAMPAIGN">,
  spentAmount: QuotaUnits = 0n,
): wire.Campaign {
  return {
    campaignId: terms.campaignId,
    version: terms.version,
    displayName: terms.displayName,
    quotaAmount: terms.quotaAmount,
    quotaPriority: terms.quotaPriority,
    validDays: terms.validDays,
    startTime: new Date(terms.startTimeMs),
    endTime: new Date(terms.endTimeMs),
    budgetAmount: terms.budgetAmount,
    perUserLimit: terms.perUserLimit,
    spentAmount,
    state: wire.OfferState[state],
  };
}
