/** CheckEntitlement: whether a user may use a feature, limits and balance apart. */
import type { FeatureId, UserId } from "../id.ts";
import { userNotFound } from "../quota/check-quota.ts";
import type { QuotaReader } from "../quota/reader.ts";
import { entitlementRefusals } from "../quota/reserve-quota.ts";
import type { Refusal } from "../refusal.ts";
import { membershipOf, type Membership } from "./membership.ts";

export interface CheckEntitlement {
  readonly userId: UserId;
  readonly featureId: FeatureId;
}

export interface CheckEntitlementAnswer {
  /** In order of precedence; empty when the user may. */
  readonly refusals: readonly Refusal[];
  /** Null for an unknown user. */
  readonly membership: Membership | null;
}

/** Runs that part of ReserveQuota's decision on the account as it is, without its lock. */
export async function checkEntitlement(
  reader: Pick<QuotaReader, "openDesk">,
  { userId, featureId }: CheckEntitlement,
): Promise<CheckEntitlementAnswer> {
  const desk = await reader.openDesk(userId, featureId);
  if (desk === undefined) return { refusals: [userNotFound(userId)], membership: null };
  return {
    refusals: entitlementRefusals(desk, featureId),
    membership: membershipOf(desk.account.user, desk.nowMs),
  };
}
