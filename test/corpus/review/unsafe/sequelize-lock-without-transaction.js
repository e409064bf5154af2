// expect: BG003
const { Wallet } = require("./models");
async function withdraw(userId, amount) {
  const wallet = await Wallet.findOne({ where: { userId }, lock: true });
  if (wallet.balance < amount) throw new Error("insufficient");
  await wallet.update({ balance: wallet.balance - amount });
}
module.exports = { withdraw };
