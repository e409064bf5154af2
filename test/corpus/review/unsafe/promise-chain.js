// expect: BG001
const db = require("./knex");
module.exports.spend = (userId, cost) =>
  db("users").where({ id: userId }).first().then((user) => {
    if (user.credits < cost) throw new Error("no credits");
    return db("users").where({ id: userId }).update({ credits: user.credits - cost });
  });
