// expect: FAIL
// item: 1
import { LockMode, type EntityManager } from "@mikro-orm/core";
import { Task } from "./task.ts";
import { User } from "./user.ts";

export async function settle(em: EntityManager, taskId: string) {
  await em.transactional(async (tx) => {
    const task = await tx.findOneOrFail(Task, taskId, { lockMode: LockMode.PESSIMISTIC_WRITE });
    const user = await tx.findOneOrFail(User, task.userId);
    if (user.quotaRemaining < task.cost) throw new Error("quota exhausted");
    await tx.nativeUpdate(User, { id: user.id }, { quotaRemaining: user.quotaRemaining - task.cost });
  });
}
