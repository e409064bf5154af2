// expect: BG001
import { Injectable } from "@nestjs/common";
import { InjectRepository } from "@nestjs/typeorm";
import { Repository } from "typeorm";
import { User } from "./user.entity";
@Injectable()
export class UsersService {
  constructor(@InjectRepository(User) private usersRepository: Repository<User>) {}
  async useCredits(userId: string, amount: number) {
    const user = await this.usersRepository.findOne({ where: { id: userId } });
    if (user.credits < amount) throw new Error("not enough credits");
    user.credits -= amount;
    return this.usersRepository.save(user);
  }
}
