// expect: none
const knex = require("./knex");
exports.spend = async (userId, cost) => {
  const trx = await knex.transaction();
  try {
    const user = await knex("users").transacting(trx).forUpdate().where({ id: userId }).first();
    if (user.credits < cost) throw new Error("no credits");
    await knex("users").transacting(trx).where({ id: userId }).decrement("credits", cost);
    await trx.commit();
  } catch (e) {
    await trx.rollback(e);
    throw e;
  }
};
