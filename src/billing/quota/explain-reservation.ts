/** ExplainReservation: what decided a reservation, and all that it has moved since. */
import { SECOND_MS } from "../clock.ts";
import type { Feature } from "../catalog/feature.ts";
import type { ReservationId } from "../id.ts";
import { assert, type Reason } from "../refusal.ts";
import type { Lot } from "./lot.ts";
import type { LoggedRow, QuotaReader } from "./reader.ts";
import type { DecisionTrace, Reservation, UsageTrace } from "./reservation.ts";
import { reservationNotFound } from "./settled.ts";

export interface ExplainReservationAnswer {
  readonly reservation: Reservation;
  /** In the order in which they were asked. */
  readonly rules: readonly RuleTrace[];
  /** The lots that it was drawn from, as they are now. */
  readonly grants: readonly Lot[];
  /** Oldest first. */
  readonly logs: readonly LoggedRow[];
}

/** One rule of the decision and what it saw. */
export interface RuleTrace {
  /** The refusal that it would have given. */
  readonly rule: Reason;
  /** What it allows, in its own unit; empty when it doesn't apply. */
  readonly limit: string;
  /** What it saw, before this reservation. */
  readonly observed: string;
}

/**
 * More movements than any one reservation makes: a row a lot for the hold and for its end. What
 * comes after them are further refunds, which move nothing.
 */
const LOGS_MAX = 500;

/** Refused as RESERVATION_NOT_FOUND. */
export async function explainReservation(
  reader: Pick<QuotaReader, "findReservation" | "findFeatureVersion" | "findGrants" | "listLogs">,
  reservationId: ReservationId,
): Promise<ExplainReservationAnswer> {
  const reservation = await reader.findReservation(reservationId);
  if (reservation === undefined) throw reservationNotFound(reservationId);
  const { userId, featureId, featureVersion, allocations } = reservation;
  const all = { type: null, startTimeMs: null, endTimeMs: null } as const;
  const filter = { userId, reservationId, ...all, order: "OLDEST_FIRST" } as const;
  const [feature, logs] = await Promise.all([
    reader.findFeatureVersion(featureId, featureVersion),
    reader.listLogs(filter, { after: null, limit: LOGS_MAX }),
  ]);
  assert(feature !== undefined, "a reserved version stays in the catalogue");
  // A commit after expiry draws anew, so earlier movements may name other lots than the allocations
  // do.
  const drawn = new Set(allocations.map(({ grantId }) => grantId));
  for (const { grantId } of logs) if (grantId !== null) drawn.add(grantId);
  const grants = await reader.findGrants(userId, [...drawn]);
  return { reservation, rules: rulesOf(reservation, feature), grants, logs };
}

/**
 * The rules in their order of precedence; those about the user's and the feature's state had
 * passed.
 */
function rulesOf(reservation: Reservation, feature: Feature): RuleTrace[] {
  const { decision } = reservation;
  return [
    membershipRule(decision),
    accessRule(feature),
    ...limitRules(feature, decision.usage, reservation.quantity),
    quotaRule(reservation),
  ];
}

function membershipRule({ membershipUntilMs }: DecisionTrace): RuleTrace {
  return {
    rule: "MEMBERSHIP_REQUIRED",
    limit: "a membership that has not ended",
    observed: `ends at ${timeText(membershipUntilMs)}`,
  };
}

function accessRule({ accessScope, version }: Feature): RuleTrace {
  const isOpen = accessScope === "MEMBER";
  return {
    rule: "FEATURE_ACCESS_DENIED",
    limit: isOpen ? "" : `users on the list of a ${accessScope} feature`,
    observed: isOpen ? `version ${version} is open to every member` : "the user was on the list",
  };
}

function limitRules(feature: Feature, usage: UsageTrace | null, quantity: number): RuleTrace[] {
  const policy = feature.rateLimitPolicy;
  const { lastHour = 0, lastDay = 0, inFlight = 0, lastStartMs = null } = usage ?? {};
  const limit = (max: number | undefined, unit: string) => (max ? `${max} ${unit}` : "");
  const more = `, and ${quantity} more asked for`;
  const last =
    lastStartMs === null ? "no use within a day" : `last use at ${timeText(lastStartMs)}`;
  // Without any limit uses are not counted, so there is nothing that was seen.
  const seen = (text: string) => (usage === null ? "" : text);
  return [
    {
      rule: "IN_FLIGHT_LIMITED",
      limit: limit(policy?.maxInFlight, "open holds"),
      observed: seen(`${inFlight} open holds`),
    },
    {
      rule: "COOLDOWN_ACTIVE",
      limit: limit(policy?.cooldownSeconds, "seconds between two uses"),
      observed: seen(last),
    },
    {
      rule: "RATE_LIMITED",
      limit: limit(policy?.maxPerHour, "per hour"),
      observed: seen(`${lastHour} within the last hour${more}`),
    },
    {
      rule: "RATE_LIMITED",
      limit: limit(policy?.maxPerDay, "per day"),
      observed: seen(`${lastDay} within the last day${more}`),
    },
  ];
}

function quotaRule({ amount, unitCost, quantity, decision }: Reservation): RuleTrace {
  return {
    rule: "QUOTA_INSUFFICIENT",
    limit: `${decision.available} quota units available`,
    observed: `${amount} needed: ${quantity} of ${unitCost}`,
  };
}

/** RFC 3339 to the second, UTC. */
function timeText(ms: number): string {
  return new Date(ms - (ms % SECOND_MS)).toISOString().replace(".000Z", "Z");
}
