// expect: BG007
import { prisma } from "./prisma";
export async function POST(req: Request) {
  const body = await req.json();
  const prediction = await prisma.prediction.findFirst({ where: { externalId: body.id } });
  if (body.status === "failed") {
    await prisma.user.update({ where: { id: prediction.userId }, data: { credits: { increment: 1 } } });
  }
  return Response.json({ ok: true });
}
