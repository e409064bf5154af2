// expect: BG001
import { User } from "./user.entity";
export async function chargeUser(userRepository, user, amount: number) {
  if (user.credits < amount) throw new Error("no credits");
  user.credits -= amount;
  await userRepository.save(user);
}
