// expect: BG001
import { prisma } from "@/lib/prisma";
export async function POST(req: Request) {
  const { userId } = await req.json();
  const user = await prisma.user.findUnique({ where: { id: userId } });
  if (!user || user.credits < 1) return new Response("no credits", { status: 402 });
  await prisma.user.update({ where: { id: userId }, data: { credits: { decrement: 1 } } });
  return new Response("ok");
}
