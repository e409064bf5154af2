/** Creating, publishing and ending versions of plans, packs and campaigns: one way for the three. */
import { Refusal } from "../refusal.ts";
import type { Finding } from "../review/finding.ts";
import { reviewOffer } from "../review/offer-rules.ts";
import type { CatalogUseCase } from "./desk.ts";
import { contentOf } from "./offer-content.ts";
import {
  offerIdOf,
  offerSubject,
  type OfferKind,
  type OfferRef,
  type OfferTerms,
  type OfferVersion,
} from "./offer.ts";

export interface ReviewedOffer<Kind extends OfferKind> {
  readonly version: OfferVersion<Kind>;
  readonly findings: readonly Finding[];
}

export interface EndOffer {
  readonly offerId: string;
  /** Why, for the record. */
  readonly reason: string;
}

/** The three changes of one kind of offer. */
export interface OfferChanges<Kind extends OfferKind> {
  readonly create: CatalogUseCase<OfferTerms[Kind], ReviewedOffer<Kind>>;
  readonly publish: CatalogUseCase<OfferRef, ReviewedOffer<Kind>>;
  readonly end: CatalogUseCase<EndOffer, ReviewedOffer<Kind>>;
}

export const planChanges = changesOf("PLAN", "Plan", "RetirePlan");
export const packChanges = changesOf("PACK", "Pack", "RetirePack");
export const campaignChanges = changesOf("CAMPAIGN", "Campaign", "EndCampaign");

function changesOf<Kind extends OfferKind>(
  kind: Kind,
  name: string,
  endMethod: string,
): OfferChanges<Kind> {
  return {
    create: createOf(kind, `Create${name}Version`),
    publish: publishOf(kind, `Publish${name}`),
    end: endOf(kind, endMethod),
  };
}

/** Nothing is refused: what the reviewer fails can be written down, and not published. */
function createOf<Kind extends OfferKind>(
  kind: Kind,
  method: string,
): OfferChanges<Kind>["create"] {
  return {
    method,
    needs: (terms) => ({ offer: { kind, offerId: idOf(kind, terms) } }),
    content: (terms) => contentOf(kind, terms),
    decide({ offer, nowMs }, given) {
      const terms = { ...given, version: (offer?.lastVersion ?? 0) + 1 };
      const version: OfferVersion<Kind> = { kind, terms, state: "DRAFT", createTimeMs: nowMs };
      const note = noteOf(method, undefined, version, "");
      return {
        writes: { offers: [version], notes: [note] },
        answer: { version, findings: reviewOffer(kind, terms, offer?.isOnlyTrial ?? false) },
      };
    },
    answers: answersOf(),
  };
}

/** Refused as OFFER_NOT_FOUND, OFFER_STATE_INVALID, OFFER_REVIEW_FAILED, APPROVAL_REQUIRED. */
function publishOf<Kind extends OfferKind>(
  kind: Kind,
  method: string,
): OfferChanges<Kind>["publish"] {
  return {
    method,
    needs: (ref) => ({ offer: { kind, ...ref } }),
    content: ({ offerId, version }) => ({ [idField(kind)]: offerId, version: String(version) }),
    decide({ offer }, ref) {
      const draft = offer?.named as OfferVersion<Kind> | undefined;
      if (offer === undefined || draft === undefined) throw offerNotFound(ref.offerId);
      if (draft.state !== "DRAFT") throw offerStateInvalid(draft);
      const findings = reviewOffer(kind, draft.terms, offer.isOnlyTrial);
      refuseFailures(draft, findings);
      if (kind === "CAMPAIGN" && !offer.approved) throw approvalRequired(offerSubject(kind, ref));
      const version: OfferVersion<Kind> = { ...draft, state: "PUBLISHED" };
      const before = offer.inForce;
      const superseded: OfferVersion[] = before ? [{ ...before, state: "SUPERSEDED" }] : [];
      const note = noteOf(method, before, version, "");
      return {
        writes: { offers: [...superseded, version], changesInForce: true, notes: [note] },
        answer: { version, findings },
      };
    },
    answers: answersOf(),
  };
}

/**
 * Refused as OFFER_NOT_FOUND, OFFER_STATE_INVALID when none of its versions is in force, or it is the only
 * trial.
 */
function endOf<Kind extends OfferKind>(kind: Kind, method: string): OfferChanges<Kind>["end"] {
  return {
    method,
    needs: ({ offerId }) => ({ offer: { kind, offerId } }),
    content: ({ offerId, reason }) => ({ [idField(kind)]: offerId, reason }),
    decide({ offer }, { offerId, reason }) {
      if (offer === undefined) throw offerNotFound(offerId);
      const inForce = offer.inForce as OfferVersion<Kind> | undefined;
      if (inForce === undefined) {
        const facts = { offerId, version: String(offer.lastVersion), state: "none in force" };
        throw new Refusal("OFFER_STATE_INVALID", "none of its versions is in force", facts);
      }
      if (offer.isOnlyTrial) throw trialNeeded(inForce);
      const version: OfferVersion<Kind> = { ...inForce, state: "RETIRED" };
      const note = noteOf(method, inForce, version, reason);
      return {
        writes: { offers: [version], changesInForce: true, notes: [note] },
        answer: { version, findings: [] },
      };
    },
    answers: answersOf(),
  };
}

function idOf(kind: OfferKind, terms: OfferTerms[OfferKind]): string {
  return offerIdOf({ kind, terms, state: "DRAFT", createTimeMs: 0 });
}

function idField(kind: OfferKind): string {
  return `${kind.toLowerCase()}_id`;
}

function noteOf(
  action: string,
  before: OfferVersion | undefined,
  after: OfferVersion,
  reason: string,
) {
  const { version } = after.terms;
  const subject = offerSubject(after.kind, { offerId: offerIdOf(after), version });
  return { action, subject, before: before ? plain(before) : null, after: plain(after), reason };
}

/** Amounts as numbers, which AMOUNT_MAX keeps exact: JSON knows no bigint. */
function plain(version: OfferVersion): unknown {
  return JSON.parse(write(version));
}

function write(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "bigint" ? { units: Number(part) } : part,
  );
}

function answersOf<Kind extends OfferKind>() {
  return {
    write: (answer: ReviewedOffer<Kind>): string => write(answer),
    read: (text: string): ReviewedOffer<Kind> =>
      JSON.parse(text, (_, part: unknown) => {
        const units = (part as { units?: unknown } | null)?.units;
        return typeof units === "number" ? BigInt(units) : part;
      }) as ReviewedOffer<Kind>,
  };
}

export function offerNotFound(offerId: string): Refusal {
  const message = "there is no such plan, pack or campaign, or no such version of it";
  return new Refusal("OFFER_NOT_FOUND", message, { offerId });
}

export function offerStateInvalid(version: OfferVersion): Refusal {
  const number = String(version.terms.version);
  const facts = { offerId: offerIdOf(version), version: number, state: version.state };
  return new Refusal(
    "OFFER_STATE_INVALID",
    `version ${number} is ${version.state}, not DRAFT`,
    facts,
  );
}

/** Without a trial nobody could be registered. */
function trialNeeded(version: OfferVersion): Refusal {
  const { terms, state } = version;
  const facts = { offerId: offerIdOf(version), version: String(terms.version), state };
  const message = "registration gives this plan: publish another one as the trial first";
  return new Refusal("OFFER_STATE_INVALID", message, facts);
}

function approvalRequired(subject: string): Refusal {
  const message = "a campaign needs the approval of a second person";
  return new Refusal("APPROVAL_REQUIRED", message, { subject });
}

function refuseFailures(version: OfferVersion, findings: readonly Finding[]): void {
  const failures = findings.filter(({ severity }) => severity === "FAIL");
  if (failures.length === 0) return;
  const rules = failures.map(({ ruleId }) => ruleId).join(",");
  const violations = failures.map(({ ruleId, field, message, remediation }) => ({
    type: ruleId,
    subject: field,
    description: `${message}. ${remediation}`,
  }));
  const facts = { offerId: offerIdOf(version), version: String(version.terms.version), rules };
  const message = `the reviewer fails this version: ${rules}`;
  throw new Refusal("OFFER_REVIEW_FAILED", message, facts, { violations });
}
