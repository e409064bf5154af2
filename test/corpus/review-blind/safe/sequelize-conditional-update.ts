// expect: none
// item: 1
import { Op, literal } from "sequelize";
import { Wallet } from "../models";

export async function debit(userId: string, amount: number): Promise<boolean> {
  const [affectedCount] = await Wallet.update(
    { balance: literal(`balance - ${Number(amount)}`) },
    { where: { userId, balance: { [Op.gte]: amount } } },
  );
  return affectedCount === 1;
}
