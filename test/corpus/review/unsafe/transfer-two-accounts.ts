// expect: BG002
import { sequelize, Account } from "./models";
export async function transfer(fromId: number, toId: number, amount: number) {
  const result = await sequelize.transaction(async (t) => {
    const from = await Account.findByPk(fromId, { transaction: t });
    const to = await Account.findByPk(toId, { transaction: t });
    if (from.balance < amount) throw new Error("Insufficient funds");
    await from.update({ balance: from.balance - amount }, { transaction: t });
    await to.update({ balance: to.balance + amount }, { transaction: t });
    return true;
  });
  return result;
}
