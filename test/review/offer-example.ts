/** Plans, packs and campaigns in the pages of the rules, written as the calls of the catalogue take them. */
import type { OfferKind, OfferTerms } from "../../src/billing/catalog/offer.ts";

export interface Example {
  readonly language: string;
  readonly text: string;
}

interface Offer {
  readonly kind: OfferKind;
  readonly terms: OfferTerms[OfferKind];
  readonly isOnlyTrial: boolean;
}

const KINDS: Readonly<Record<string, OfferKind>> = { plan: "PLAN", pack: "PACK", campaign: "CAMPAIGN" };
/** What a call leaves out is zero. */
const ABSENT = { periodMonths: 0, periodDays: 0, trial: false };

/** The offer that an example is; undefined when it is something else. */
export function offerIn({ language, text }: Example): Offer | undefined {
  if (language !== "json") return undefined;
  const [only] = Object.entries(JSON.parse(text) as Record<string, unknown>);
  const [key, fields] = only ?? ["", undefined];
  const kind = KINDS[key];
  if (kind === undefined) return undefined;
  const entries = Object.entries(fields as Record<string, unknown>).map(termOf);
  const terms = { ...ABSENT, ...Object.fromEntries(entries) } as unknown as OfferTerms[OfferKind];
  // The plan of this name is the one that registration gives.
  return { kind, terms, isOnlyTrial: "planId" in terms && terms.planId === "trial" };
}

/** As `src/wire` reads it: money and quota are bigints, times milliseconds, choices without their prefix. */
function termOf([name, value]: [string, unknown]): [string, unknown] {
  const term = name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  if (/(?:Fen|Amount)$/.test(term)) return [term, BigInt(value as number)];
  if (term.endsWith("Time")) return [`${term}Ms`, Date.parse(value as string)];
  return [term, term === "rollover" ? String(value).replace("ROLLOVER_", "") : value];
}
