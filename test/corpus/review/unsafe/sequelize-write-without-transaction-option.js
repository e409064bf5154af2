// expect: BG004
const { sequelize, Wallet } = require("./models");
async function withdraw(userId, amount) {
  await sequelize.transaction(async (t) => {
    const wallet = await Wallet.findOne({ where: { userId }, transaction: t, lock: t.LOCK.UPDATE });
    if (wallet.balance < amount) throw new Error("insufficient");
    wallet.balance = wallet.balance - amount;
    await wallet.save();
  });
}
module.exports = { withdraw };
