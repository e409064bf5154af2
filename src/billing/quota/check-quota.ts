/** CheckQuota: whether a reservation would pass now, and every reason why not. Nothing is held. */
import type { FeatureId, UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import { Refusal } from "../refusal.ts";
import { balanceOf, type Balance } from "./account.ts";
import type { QuotaReader } from "./reader.ts";
import { reserveRefusals } from "./reserve-quota.ts";

export interface CheckQuota {
  readonly userId: UserId;
  readonly featureId: FeatureId;
  readonly quantity: number;
}

export interface CheckQuotaAnswer {
  /** Quota units; 0 when the feature can't be priced. */
  readonly requiredAmount: QuotaUnits;
  /** In order of precedence; empty when it would pass. */
  readonly refusals: readonly Refusal[];
  /** Null for an unknown user. */
  readonly balance: Balance | null;
}

/** Runs the decision of ReserveQuota on the account as it is, without its lock. */
export async function checkQuota(
  reader: Pick<QuotaReader, "openDesk">,
  input: CheckQuota,
): Promise<CheckQuotaAnswer> {
  const desk = await reader.openDesk(input.userId, input.featureId);
  if (desk === undefined) {
    return { requiredAmount: 0n, refusals: [userNotFound(input.userId)], balance: null };
  }
  const feature = desk.features.find(input.featureId);
  const priced = feature !== undefined && feature !== "unpublished";
  return {
    requiredAmount: priced ? feature.quotaCost * BigInt(input.quantity) : 0n,
    refusals: reserveRefusals(desk, input),
    balance: balanceOf(desk.account, desk.nowMs),
  };
}

export function userNotFound(userId: UserId): Refusal {
  return new Refusal("USER_NOT_FOUND", "there is no such user", { userId });
}
