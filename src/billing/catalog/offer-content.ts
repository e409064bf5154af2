/** What an idempotency key stands for when an offer is written. */
import type { OfferKind, OfferTerms } from "./offer.ts";

/**
 * What a caller writes of an offer, in the order of the proto. Values alone are stored with a key: a field
 * that is added later goes to the end.
 */
const WRITTEN = {
  PLAN: [
    "planId",
    "displayName",
    "priceFen",
    "periodMonths",
    "periodDays",
    "quotaAmount",
    "quotaPriority",
    "trial",
    "rollover",
  ],
  PACK: ["packId", "displayName", "priceFen", "quotaAmount", "quotaPriority", "validDays"],
  CAMPAIGN: [
    "campaignId",
    "displayName",
    "quotaAmount",
    "quotaPriority",
    "validDays",
    "startTimeMs",
    "endTimeMs",
    "budgetAmount",
    "perUserLimit",
  ],
} as const satisfies { readonly [Kind in OfferKind]: readonly (keyof OfferTerms[Kind])[] };

/** Every field of the terms but the version, which is made here, under its name in the proto. */
export function contentOf(kind: OfferKind, terms: OfferTerms[OfferKind]): Record<string, string> {
  const values = terms as unknown as Readonly<Record<string, unknown>>;
  const prefix = kind.toLowerCase();
  return Object.fromEntries(
    WRITTEN[kind].map((name) => [`${prefix}.${snake(name)}`, String(values[name])]),
  );
}

function snake(name: string): string {
  return name.replace(/TimeMs$/, "Time").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
