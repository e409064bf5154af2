/** The port to stored memberships, for reads. They change through the teller only. */
import type { UserId } from "../id.ts";
import type { QuotaUnits } from "../money.ts";
import type { Page } from "../quota/reader.ts";
import type { Membership, MembershipState } from "./membership.ts";

/** Quota that is bought already and waits for its period. */
export interface NextQuota {
  readonly amount: QuotaUnits;
  readonly startTimeMs: number;
  /** When the first of it lapses; null when none does. */
  readonly expireTimeMs: number | null;
}

export interface MembershipReader {
  /** What waits for the soonest begin; undefined when nothing waits. */
  findNextQuota(userId: UserId): Promise<NextQuota | undefined>;
  /** The membership now; undefined for an unknown user. */
  findMembership(userId: UserId): Promise<Membership | undefined>;
  /** By user id, each as it is now. */
  listMemberships(
    filter: MembershipFilter,
    page: Page<{ readonly userId: UserId }>,
  ): Promise<Membership[]>;
}

export interface MembershipFilter {
  readonly state: MembershipState | null;
  readonly userState: "ACTIVE" | "SUSPENDED" | null;
}
