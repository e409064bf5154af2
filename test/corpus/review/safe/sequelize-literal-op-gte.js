// expect: BG018
const { Op } = require("sequelize");
const { sequelize, User } = require("./models");
exports.spend = async function spend(id, cost) {
  const [affected] = await User.update(
    { credits: sequelize.literal("credits - 1") },
    { where: { id, credits: { [Op.gte]: cost } } },
  );
  if (affected === 0) throw new Error("no credits");
};
