// expect: none
import { prisma } from "./prisma";
import { stripe } from "./stripe";
export async function POST(req: Request) {
  const event = stripe.webhooks.constructEvent(await req.text(), req.headers.get("stripe-signature"), process.env.SECRET);
  if (event.type === "checkout.session.completed") {
    const session = event.data.object;
    await prisma.user.update({ where: { id: session.metadata.userId }, data: { credits: { increment: Number(session.metadata.credits) } } });
  }
  return new Response(null, { status: 200 });
}
