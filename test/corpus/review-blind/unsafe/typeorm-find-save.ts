// expect: FAIL
// item: 1
import { Injectable } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { Repository } from "typeorm";
import { User } from "./user.entity";

@Injectable()
export class UsersService {
  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  async consumeQuota(id: number, amount: number): Promise<User> {
    const user = await this.users.findOneByOrFail({ id });
    if (user.quotaRemaining < amount) {
      throw new Error("quota exceeded");
    }
    user.quotaRemaining -= amount;
    return this.users.save(user);
  }
}
