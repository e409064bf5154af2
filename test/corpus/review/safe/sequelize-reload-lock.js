// expect: none
const { sequelize, User } = require("./models");
exports.spend = async (user, cost) => sequelize.transaction(async (transaction) => {
  const row = await User.findByPk(user.id, { transaction });
  await row.reload({ transaction, lock: transaction.LOCK.UPDATE });
  if (row.credits < cost) throw new Error("no credits");
  await row.update({ credits: row.credits - cost }, { transaction });
});
