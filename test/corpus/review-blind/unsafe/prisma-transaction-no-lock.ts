// expect: FAIL
// item: 1
import { Injectable } from "@nestjs/common";
import { PrismaService } from "../prisma/prisma.service";

@Injectable()
export class QuotaService {
  constructor(private readonly prisma: PrismaService) {}

  async consume(userId: string, cost: number) {
    return this.prisma.$transaction(async (tx) => {
      const member = await tx.user.findUnique({ where: { id: userId } });
      if (member === null || member.quotaRemaining < cost) {
        throw new Error("quota exhausted");
      }
      await tx.user.update({
        where: { id: userId },
        data: { quotaRemaining: { decrement: cost } },
      });
      await tx.quotaLog.create({ data: { userId, type: "CONSUME", amount: cost } });
    });
  }
}
