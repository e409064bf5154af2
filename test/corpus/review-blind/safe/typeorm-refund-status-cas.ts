// expect: none
// item: 2
import { DataSource } from "typeorm";
import { Task } from "./task.entity";
import { User } from "./user.entity";

export async function releaseCredits(ds: DataSource, taskId: string) {
  await ds.transaction(async (em) => {
    const { affected } = await em.update(Task, { id: taskId, refunded: false }, { refunded: true });
    if (affected !== 1) return;
    const task = await em.findOneByOrFail(Task, { id: taskId });
    await em.increment(User, { id: task.userId }, "quotaRemaining", task.cost);
  });
}
