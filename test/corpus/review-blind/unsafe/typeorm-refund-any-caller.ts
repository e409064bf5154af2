// expect: FAIL
// item: 2
import { EntityManager } from "typeorm";
import { Task } from "./task.entity";
import { User } from "./user.entity";

export async function releaseCredits(em: EntityManager, taskId: string) {
  const task = await em.findOneByOrFail(Task, { id: taskId });
  await em.increment(User, { id: task.userId }, "quotaRemaining", task.cost);
  task.status = "failed";
  await em.save(task);
}
