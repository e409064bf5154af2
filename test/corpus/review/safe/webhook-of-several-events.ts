// expect: none
import { prisma } from "./prisma";
export async function handle(event: { type: string; payment: string; userId: string; units: number }) {
  switch (event.type) {
    case "charge.refunded":
      await prisma.payment.updateMany({ where: { id: event.payment }, data: { state: "refunded" } });
      break;
    case "checkout.completed":
      await prisma.user.update({ where: { id: event.userId }, data: { credits: { increment: event.units } } });
      break;
  }
}
