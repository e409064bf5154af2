// expect: none
// item: 7
import { Router, type NextFunction, type Request, type Response } from "express";
import { knex } from "./db";

async function requireMember(req: Request, res: Response, next: NextFunction) {
  const member = await knex("members").where({ user_id: req.params.userId }).first();
  if (!member || member.expires_at < new Date()) {
    res.status(403).json({ error: "MEMBERSHIP_REQUIRED" });
    return;
  }
  next();
}

async function createTask(req: Request, res: Response) {
  const { userId } = req.params;
  const id = await knex.transaction(async (trx) => {
    const user = await trx("users").where({ id: userId }).forUpdate().first();
    if (user.quota_remaining < 1) throw new Error("QUOTA_INSUFFICIENT");
    await trx("users").where({ id: userId }).decrement("quota_remaining", 1);
    const [taskId] = await trx("tasks").insert({ user_id: userId, quota_cost: 1, eligible_for_refund: true });
    return taskId;
  });
  res.status(201).json({ id });
}

export const tasks = Router().post("/users/:userId/tasks", requireMember, createTask);
