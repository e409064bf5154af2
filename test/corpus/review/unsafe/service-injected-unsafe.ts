// expect: BG001
// file: credit.service.ts
import { Repository } from "typeorm";
export class CreditService {
  constructor(private readonly users: Repository<User>) {}
  async deduct(userId: string, cost: number) {
    const user = await this.users.findOneBy({ id: userId });
    if (user.credits < cost) throw new Error("no credits");
    await this.users.update(userId, { credits: user.credits - cost });
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
