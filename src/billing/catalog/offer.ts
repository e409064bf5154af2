/** Offers: plans, packs and campaigns, each in immutable versions of which one is in force. */
import type { Campaign } from "./campaign.ts";
import type { Pack } from "./pack.ts";
import type { Plan } from "./plan.ts";

/** DRAFT can be published; PUBLISHED is in force; the others were. */
export type OfferState = "DRAFT" | "PUBLISHED" | "SUPERSEDED" | "RETIRED";

export interface OfferTerms {
  readonly PLAN: Plan;
  readonly PACK: Pack;
  readonly CAMPAIGN: Campaign;
}
export type OfferKind = keyof OfferTerms;

/** One version of an offer. */
export interface OfferVersion<Kind extends OfferKind = OfferKind> {
  readonly kind: Kind;
  readonly terms: OfferTerms[Kind];
  readonly state: OfferState;
  readonly createTimeMs: number;
}

/** Names a version of an offer. */
export interface OfferRef {
  readonly offerId: string;
  /** From 1. */
  readonly version: number;
}

/** A known offer. While a command looks at it, nobody else changes the catalogue. */
export interface OfferFile {
  readonly lastVersion: number;
  readonly inForce: OfferVersion | undefined;
  /** The version that is named; undefined when it is unknown. */
  readonly named: OfferVersion | undefined;
  /** True when a second person has approved the named version. */
  readonly approved: boolean;
  /** True for the one plan in force that registration can give. */
  readonly isOnlyTrial: boolean;
}

export function offerIdOf({ kind, terms }: OfferVersion): string {
  if (kind === "PLAN") return (terms as Plan).planId;
  return kind === "PACK" ? (terms as Pack).packId : (terms as Campaign).campaignId;
}

/** What it is called in approvals and the audit trail, such as `campaign/spring-2027/1`. */
export function offerSubject(kind: OfferKind, { offerId, version }: OfferRef): string {
  return `${kind.toLowerCase()}/${offerId}/${version}`;
}
