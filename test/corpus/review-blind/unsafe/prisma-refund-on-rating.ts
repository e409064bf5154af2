// expect: FAIL
// item: 5
import { prisma } from "../db";

interface Feedback {
  taskId: string;
  rating: number;
  comment?: string;
}

export async function submitFeedback({ taskId, rating, comment }: Feedback) {
  await prisma.$transaction(async (tx) => {
    const task = await tx.task.findUniqueOrThrow({ where: { id: taskId } });
    await tx.feedback.create({ data: { taskId, rating, comment } });
    if (rating <= 2) {
      const { count } = await tx.task.updateMany({
        where: { id: taskId, refunded: false },
        data: { refunded: true },
      });
      if (count === 1) {
        await tx.user.update({
          where: { id: task.userId },
          data: { quotaRemaining: { increment: task.quotaCost } },
        });
      }
    }
  });
}
