// expect: BG002
import { sequelize, User } from "./models";
export const spend = (id: number, cost: number) => sequelize.transaction(async (t) => {
  const user = await User.findByPk(id, { transaction: t, lock: false });
  if (user!.credits < cost) throw new Error("no credits");
  user!.credits = user!.credits - cost;
  await user!.save({ transaction: t });
});
