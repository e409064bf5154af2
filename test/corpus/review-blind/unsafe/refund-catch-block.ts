// expect: FAIL
// item: 2
import { prisma } from "./client";
import { runVendor } from "./vendor";

export async function process(taskId: string) {
  const task = await prisma.task.findUniqueOrThrow({ where: { id: taskId } });
  try {
    await runVendor(task);
  } catch (error) {
    // The queue delivers again after a crash, and this runs again.
    await prisma.user.update({
      where: { id: task.userId },
      data: { quotaRemaining: { increment: task.quotaCost } },
    });
    throw error;
  }
}
