// expect: BG092
import { Injectable } from "@nestjs/common";
@Injectable()
export class CreditService {
  constructor(private readonly members: MembersService) {}
  async spend(memberId: string, units: number) {
    const member = await this.members.load(memberId);
    if (member.credits < units) throw new Error("not enough");
    member.credits -= units;
    await this.members.save(member);
  }
}
