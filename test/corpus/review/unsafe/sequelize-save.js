// expect: BG001
const { Wallet } = require("./models");
async function withdraw(userId, amount) {
  const wallet = await Wallet.findOne({ where: { userId } });
  if (wallet.balance < amount) throw new Error("insufficient");
  wallet.balance -= amount;
  await wallet.save();
}
module.exports = { withdraw };
