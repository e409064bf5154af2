// expect: FAIL
// item: 7
import type { Knex } from "knex";
import type { Request, Response } from "express";

export function createTaskHandler(knex: Knex) {
  return async (req: Request, res: Response) => {
    const { userId, featureId, cost } = req.body;
    const taskId = await knex.transaction(async (trx) => {
      const user = await trx("users").where({ id: userId }).forUpdate().first();
      if (!user) throw new Error("USER_NOT_FOUND");
      if (user.quota_remaining < cost) throw new Error("QUOTA_INSUFFICIENT");
      await trx("users").where({ id: userId }).decrement("quota_remaining", cost);
      const [id] = await trx("tasks").insert({
        user_id: userId,
        feature_id: featureId,
        quota_cost: cost,
        eligible_for_refund: true,
      });
      return id;
    });
    res.status(201).json({ taskId });
  };
}
