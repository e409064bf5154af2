// expect: none
// file: credit.service.ts
import { DataSource } from "typeorm";
export class CreditService {
  constructor(private readonly dataSource: DataSource) {}
  async deduct(userId: string, cost: number) {
    return this.dataSource.transaction(async (m) => {
      const user = await m.findOne(User, { where: { id: userId }, lock: { mode: "pessimistic_write" } });
      if (user.credits < cost) throw new Error("no credits");
      user.credits -= cost;
      await m.save(User, user);
    });
  }
}
// file: job.controller.ts
import { CreditService } from "./credit.service";
export class JobController {
  constructor(private readonly credits: CreditService) {}
  async create(body) {
    await this.credits.deduct(body.userId, 2);
    return { ok: true };
  }
}
