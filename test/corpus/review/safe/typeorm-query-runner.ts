// expect: none
import { dataSource } from "./data-source";
import { User } from "./user";
export async function spend(userId: string, amount: number) {
  const queryRunner = dataSource.createQueryRunner();
  await queryRunner.connect();
  await queryRunner.startTransaction();
  try {
    const user = await queryRunner.manager
      .createQueryBuilder(User, "user")
      .setLock("pessimistic_write")
      .where("user.id = :userId", { userId })
      .getOne();
    if (!user || user.credits < amount) throw new Error("insufficient");
    await queryRunner.manager.decrement(User, { id: userId }, "credits", amount);
    await queryRunner.commitTransaction();
  } catch (err) {
    await queryRunner.rollbackTransaction();
    throw err;
  } finally {
    await queryRunner.release();
  }
}
