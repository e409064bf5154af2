// expect: BG001
import { protectedProcedure, createTRPCRouter } from "@/server/api/trpc";
export const reportRouter = createTRPCRouter({
  createReport: protectedProcedure.input(z.object({ pages: z.number() })).mutation(async ({ ctx, input }) => {
    const user = await ctx.db.user.findUnique({ where: { id: ctx.session.memberId }, select: { credits: true } });
    const current = user?.credits ?? 0;
    if (current < input.pages) throw new Error("not enough credits");
    const report = await ctx.db.report.create({ data: { userId: ctx.session.memberId } });
    await ctx.db.user.update({ where: { id: ctx.session.memberId }, data: { credits: { decrement: input.pages } } });
    return report;
  }),
});
