// expect: none
// item: 1
import { Injectable } from "@nestjs/common";
import { DataSource } from "typeorm";
import { User } from "./user.entity";

@Injectable()
export class UsersService {
  constructor(private readonly dataSource: DataSource) {}

  consumeQuota(id: number, amount: number): Promise<User> {
    return this.dataSource.transaction(async (manager) => {
      const user = await manager.findOneOrFail(User, {
        where: { id },
        lock: { mode: "pessimistic_write" },
      });
      if (user.quotaRemaining < amount) throw new Error("quota exceeded");
      user.quotaRemaining -= amount;
      return manager.save(user);
    });
  }
}
