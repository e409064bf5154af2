// expect: FAIL
// item: 2
import { Transaction } from "sequelize";
import { sequelize, Job, User } from "../models";

export async function refundJob(jobId: string): Promise<void> {
  await sequelize.transaction(async (transaction: Transaction) => {
    const job = await Job.findByPk(jobId, { transaction });
    if (job === null || job.refunded) return;
    await User.increment("credits", { by: job.cost, where: { id: job.userId }, transaction });
    job.refunded = true;
    await job.save({ transaction });
  });
}
