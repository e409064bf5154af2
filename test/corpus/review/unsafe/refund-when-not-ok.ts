// expect: BG007
import { prisma } from "./prisma";
export async function payOut(request: { id: string; amount: number; walletId: string }) {
  const result = await bank.transfer(request);
  if (!result.ok) {
    await prisma.wallet.update({ where: { id: request.walletId }, data: { balance: { increment: request.amount } } });
    return "given back";
  }
  return "paid out";
}
