// expect: FAIL
// item: 1
import { PrismaClient } from "@prisma/client";

const prisma = new PrismaClient();

export async function POST(request: Request) {
  const { userId, prompt } = await request.json();
  const user = await prisma.user.findUnique({ where: { id: userId } });

  if (!user) return Response.json({ error: "Unauthorized" }, { status: 401 });
  if (user.credits < 1) return Response.json({ error: "No credits left" }, { status: 402 });

  await prisma.user.update({
    where: { id: userId },
    data: { credits: user.credits - 1 },
  });

  return Response.json({ accepted: true, prompt });
}
