// expect: BG004
import { Injectable } from "@nestjs/common";
@Injectable()
export class CreditService {
  constructor(private readonly prisma: PrismaService) {}
  async spend(userId: string, cost: number) {
    await this.prisma.$transaction(async (tx) => {
      const [user] = await tx.$queryRaw`SELECT * FROM "User" WHERE id = ${userId} FOR UPDATE`;
      if (user.credits < cost) throw new Error("no credits");
      await this.prisma.user.update({ where: { id: userId }, data: { credits: { decrement: cost } } });
    });
  }
}
