// expect: BG092
import { Injectable } from "@nestjs/common";
@Injectable()
export class PointService {
  constructor(private readonly accounts: PointAccounts) {}
  async use(id: string, units: number) {
    const account = await this.accounts.find(id);
    if (account.balance < units) throw new Error("not enough");
    await this.accounts.update(id, account.balance - units);
  }
}
