export interface Member {
  id: string;
  membershipUntil: Date;
}

export class MembershipRequired extends Error {}

export function assertMember(user: Member, now = new Date()): void {
  if (user.membershipUntil <= now) throw new MembershipRequired(user.id);
}
