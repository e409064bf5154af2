// expect: FAIL
// item: 1
const { User } = require("./models");

exports.deduct = (userId, cost) =>
  User.findByPk(userId)
    .then((user) => {
      if (user.credits < cost) throw new Error("insufficient credits");
      return user.update({ credits: user.credits - cost });
    })
    .then((user) => user.credits);
