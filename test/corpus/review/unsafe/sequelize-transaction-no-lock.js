// expect: BG002
const { sequelize, Wallet } = require("./models");
async function withdraw(userId, amount) {
  const t = await sequelize.transaction();
  try {
    const wallet = await Wallet.findOne({ where: { userId }, transaction: t });
    if (wallet.balance < amount) throw new Error("insufficient");
    await wallet.update({ balance: wallet.balance - amount }, { transaction: t });
    await t.commit();
  } catch (err) {
    await t.rollback();
    throw err;
  }
}
module.exports = { withdraw };
