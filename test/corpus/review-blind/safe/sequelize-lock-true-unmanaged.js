// expect: none
// item: 1
const { sequelize, User } = require("../models");

module.exports.deductCredits = async function deductCredits(userId, credits) {
  const transaction = await sequelize.transaction();
  try {
    const user = await User.findOne({ where: { id: userId }, lock: true, transaction });
    if (user.credits < credits) throw new Error("Not enough credits");
    await User.update({ credits: user.credits - credits }, { where: { id: userId }, transaction });
    await transaction.commit();
  } catch (err) {
    await transaction.rollback();
    throw err;
  }
};
