// expect: none
const cls = require("cls-hooked");
const Sequelize = require("sequelize");
Sequelize.useCLS(cls.createNamespace("tx"));
const { sequelize, Wallet } = require("./models");
exports.withdraw = (userId, amount) => sequelize.transaction(async () => {
  const wallet = await Wallet.findOne({ where: { userId }, lock: true });
  if (wallet.balance < amount) throw new Error("insufficient");
  await wallet.update({ balance: wallet.balance - amount });
});
