// expect: none
// item: 1
module.exports = (knex) => ({
  async consume(userId, cost) {
    const trx = await knex.transaction();
    try {
      const user = await knex("users").transacting(trx).forUpdate().where("id", userId).first();
      if (!user || user.quota_remaining < cost) throw new Error("quota exhausted");
      await knex("users")
        .transacting(trx)
        .where("id", userId)
        .update({ quota_remaining: user.quota_remaining - cost });
      await trx.commit();
    } catch (error) {
      await trx.rollback();
      throw error;
    }
  },
});
