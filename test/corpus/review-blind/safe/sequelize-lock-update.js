// expect: none
// item: 1
const { sequelize, User, QuotaLog } = require("../models");

exports.consume = async function consume(userId, cost) {
  return sequelize.transaction(async (t) => {
    const user = await User.findByPk(userId, { transaction: t, lock: t.LOCK.UPDATE });
    if (!user || user.quota_remaining < cost) throw new Error("QUOTA_INSUFFICIENT");
    await user.decrement("quota_remaining", { by: cost, transaction: t });
    await QuotaLog.create({ userId, type: "consume", amount: cost }, { transaction: t });
  });
};
