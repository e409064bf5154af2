// expect: none
// item: 5
import { prisma } from "../db";
import { notifySupport } from "../support";

export async function submitFeedback(taskId: string, rating: number, comment: string) {
  await prisma.feedback.create({ data: { taskId, rating, comment } });
  // A bad rating is looked at by a person; it never gives quota back.
  if (rating <= 2) await notifySupport(taskId, comment);
}
