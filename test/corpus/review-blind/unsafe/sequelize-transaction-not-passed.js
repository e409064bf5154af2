// expect: FAIL
// item: 1
const { sequelize, Wallet } = require("./models");

async function debit(userId, amount) {
  return sequelize.transaction(async (t) => {
    const wallet = await Wallet.findOne({ where: { userId } });
    if (!wallet || wallet.balance < amount) throw new Error("insufficient balance");
    wallet.balance -= amount;
    await wallet.save({ transaction: t });
    return wallet.balance;
  });
}

module.exports = { debit };
