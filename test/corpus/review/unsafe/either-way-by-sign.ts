// expect: BG001
import Decimal from "decimal.js";
import { prisma } from "./prisma";
export async function book(walletId: string, units: number, way: "in" | "out") {
  const wallet = await prisma.wallet.findFirst({ where: { id: walletId } });
  const before = wallet?.balance ?? 0;
  const after = way === "in" ? new Decimal(before).plus(units) : new Decimal(before).minus(units);
  await prisma.wallet.update({ where: { id: walletId }, data: { balance: after } });
}
