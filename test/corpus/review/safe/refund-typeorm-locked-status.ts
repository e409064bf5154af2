// expect: none
import { DataSource } from "typeorm";
export class RefundService {
  constructor(private readonly dataSource: DataSource) {}
  async refundJob(jobId: string) {
    await this.dataSource.transaction(async (manager) => {
      const job = await manager.findOne(Job, { where: { id: jobId }, lock: { mode: "pessimistic_write" } });
      if (!job || job.status === "REFUNDED") return;
      job.status = "REFUNDED";
      await manager.save(job);
      await manager.increment(User, { id: job.userId }, "credits", job.cost);
    });
  }
}
