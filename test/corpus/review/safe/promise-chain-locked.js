// expect: none
const db = require("./knex");
module.exports.spend = (userId, cost) => db.transaction((trx) =>
  trx("users").where({ id: userId }).forUpdate().first().then((user) => {
    if (user.credits < cost) throw new Error("no credits");
    return trx("users").where({ id: userId }).update({ credits: user.credits - cost });
  }));
