// expect: FAIL
// item: 1
const { sequelize, User } = require("../models");

module.exports.deductCredits = async function deductCredits(userId, credits) {
  const t = await sequelize.transaction();
  try {
    const user = await User.findOne({ where: { id: userId }, transaction: t });
    if (user.credits < credits) {
      throw new Error("Not enough credits");
    }
    await User.update({ credits: user.credits - credits }, { where: { id: userId }, transaction: t });
    await t.commit();
  } catch (err) {
    await t.rollback();
    throw err;
  }
};
