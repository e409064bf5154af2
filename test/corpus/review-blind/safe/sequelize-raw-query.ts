// expect: none
// item: 1
import { QueryTypes, type Sequelize } from "sequelize";

export async function spend(sequelize: Sequelize, userId: number, coins: number) {
  await sequelize.transaction(async (transaction) => {
    const [wallet] = await sequelize.query<{ coins: number }>(
      "SELECT coins FROM wallets WHERE user_id = :userId FOR UPDATE",
      { replacements: { userId }, type: QueryTypes.SELECT, transaction },
    );
    if (wallet.coins < coins) throw new Error("not enough coins");
    await sequelize.query("UPDATE wallets SET coins = :left WHERE user_id = :userId", {
      replacements: { userId, left: wallet.coins - coins },
      transaction,
    });
  });
}
