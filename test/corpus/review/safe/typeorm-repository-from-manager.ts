// expect: none
import { DataSource, Repository } from "typeorm";
import { User } from "./user.entity";
export class UserService {
  constructor(private dataSource: DataSource, private users: Repository<User>) {}
  async spend(id: string, cost: number) {
    return this.dataSource.transaction("READ COMMITTED", async (tx) => {
      const repo = tx.getRepository(User);
      const user = await repo.findOneOrFail({ where: { id }, lock: { mode: "pessimistic_write" } });
      if (user.credits < cost) return false;
      await repo.update({ id }, { credits: user.credits - cost });
      return true;
    });
  }
}
