// expect: FAIL
// item: 3
import { Injectable } from "@nestjs/common";
import { PrismaService } from "../prisma.service";
import { insertTask } from "./tasks.repository";

@Injectable()
export class TasksService {
  constructor(private readonly prisma: PrismaService) {}

  async create(userId: string, featureId: string, cost: number) {
    return this.prisma.$transaction(async (tx) => {
      const rows = await tx.$queryRaw<{ quota_remaining: number; membership_until: Date }[]>`
        SELECT quota_remaining, membership_until FROM users WHERE id = ${userId} FOR UPDATE`;
      const user = rows[0];
      if (!user || user.membership_until < new Date()) throw new Error("MEMBERSHIP_REQUIRED");
      if (user.quota_remaining < cost) throw new Error("QUOTA_INSUFFICIENT");
      await tx.user.update({ where: { id: userId }, data: { quotaRemaining: { decrement: cost } } });
      return insertTask(tx, userId, featureId, cost);
    });
  }
}
