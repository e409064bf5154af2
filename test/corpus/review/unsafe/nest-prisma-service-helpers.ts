// expect: BG002
import { Injectable } from "@nestjs/common";
@Injectable()
export class WalletService {
  constructor(private readonly prisma: PrismaService) {}
  private async getWallet(tx: Prisma.TransactionClient, userId: string) {
    const wallet = await tx.wallet.findUnique({ where: { userId } });
    if (!wallet) throw new NotFoundException();
    return wallet;
  }
  async debit(userId: string, amount: number) {
    return this.prisma.$transaction(async (tx) => {
      const wallet = await this.getWallet(tx, userId);
      if (wallet.balance.lessThan(amount)) throw new BadRequestException("Insufficient");
      const updated = await tx.wallet.update({ where: { id: wallet.id }, data: { balance: wallet.balance.minus(amount) } });
      await tx.transaction.create({ data: { walletId: wallet.id, amount, type: "DEBIT" } });
      return updated;
    });
  }
}
