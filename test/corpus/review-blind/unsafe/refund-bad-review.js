// expect: FAIL
// item: 5
const { sequelize, Review, Task, User } = require("../models");

async function createReview({ taskId, stars, text }) {
  return sequelize.transaction(async (transaction) => {
    const review = await Review.create({ taskId, stars, text }, { transaction });
    if (stars < 3) {
      const [changed] = await Task.update(
        { refunded: true },
        { where: { id: taskId, refunded: false }, transaction },
      );
      if (changed === 1) {
        const task = await Task.findByPk(taskId, { transaction });
        await User.increment("quota_remaining", {
          by: task.quota_cost,
          where: { id: task.userId },
          transaction,
        });
      }
    }
    return review;
  });
}

module.exports = { createReview };
