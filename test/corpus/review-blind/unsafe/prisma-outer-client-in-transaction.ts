// expect: FAIL
// item: 1
import { Injectable } from "@nestjs/common";
import { PrismaService } from "../prisma/prisma.service";

@Injectable()
export class BillingService {
  constructor(private readonly prisma: PrismaService) {}

  async debit(userId: string, amount: number) {
    await this.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM feature_flags WHERE name = 'billing' FOR UPDATE`;
      const wallet = await this.prisma.wallet.findUniqueOrThrow({ where: { userId } });
      if (wallet.balance < amount) throw new Error("balance too low");
      await this.prisma.wallet.update({
        where: { userId },
        data: { balance: wallet.balance - amount },
      });
    });
  }
}
