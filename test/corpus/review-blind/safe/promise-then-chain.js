// expect: none
// item: 1
const { sequelize, User } = require("./models");

exports.deduct = (userId, cost) =>
  sequelize.transaction((transaction) =>
    User.findByPk(userId, { transaction, lock: transaction.LOCK.UPDATE }).then((user) => {
      if (user.credits < cost) throw new Error("insufficient credits");
      return user.update({ credits: user.credits - cost }, { transaction });
    }),
  );
