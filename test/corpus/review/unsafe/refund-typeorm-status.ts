// expect: BG007
import { DataSource } from "typeorm";
export class RefundService {
  constructor(private readonly dataSource: DataSource) {}
  async refundJob(jobId: string) {
    await this.dataSource.transaction(async (manager) => {
      const job = await manager.findOne(Job, { where: { id: jobId } });
      if (job.status === "REFUNDED") return;
      await manager.increment(User, { id: job.userId }, "credits", job.cost);
      await manager.update(Job, { id: jobId }, { status: "REFUNDED" });
    });
  }
}
