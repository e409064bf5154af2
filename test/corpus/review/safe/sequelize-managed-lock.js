// expect: none
const { sequelize, Wallet } = require("./models");
async function withdraw(userId, amount) {
  return sequelize.transaction(async (t) => {
    const wallet = await Wallet.findOne({ where: { userId }, transaction: t, lock: t.LOCK.UPDATE });
    if (!wallet || wallet.balance < amount) throw new Error("insufficient");
    await wallet.decrement("balance", { by: amount, transaction: t });
  });
}
module.exports = { withdraw };
