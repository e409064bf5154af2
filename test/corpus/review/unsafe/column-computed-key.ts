// expect: BG092
import { prisma } from "./prisma";
export async function payCredits(accountId: string, field: string, units: number) {
  await prisma.account.update({ where: { id: accountId }, data: { [field]: { decrement: units } } });
}
