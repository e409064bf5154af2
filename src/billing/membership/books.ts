/** The port to stored memberships, for reads. They change through the teller only. */
import type { UserId } from "../id.ts";
import type { Page } from "../quota/reader.ts";
import type { Membership, MembershipState } from "./membership.ts";

export interface MembershipReader {
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
