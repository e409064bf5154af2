/** GetMembership: what a user is to the business now. */
import type { UserId } from "../id.ts";
import { userNotFound } from "../quota/check-quota.ts";
import type { MembershipReader, NextQuota } from "./books.ts";
import type { Membership } from "./membership.ts";

/** Refused as USER_NOT_FOUND. */
export async function getMembership(
  reader: Pick<MembershipReader, "findMembership">,
  userId: UserId,
): Promise<Membership> {
  const membership = await reader.findMembership(userId);
  if (membership === undefined) throw userNotFound(userId);
  return membership;
}

export interface ShownMembership {
  readonly membership: Membership;
  readonly nextQuota: NextQuota | undefined;
}

/** With the quota that waits for its period. Refused as USER_NOT_FOUND. */
export async function showMembership(
  reader: Pick<MembershipReader, "findMembership" | "findNextQuota">,
  userId: UserId,
): Promise<ShownMembership> {
  const membership = await getMembership(reader, userId);
  return { membership, nextQuota: await reader.findNextQuota(userId) };
}
