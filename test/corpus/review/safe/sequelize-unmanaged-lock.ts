// expect: none
import { sequelize, User, CreditLog } from "../models";
export class BillingService {
  async deduct(userId: number, amount: number) {
    const transaction = await sequelize.transaction();
    try {
      const user = await User.findByPk(userId, { transaction, lock: true });
      if (!user || user.credits < amount) {
        await transaction.rollback();
        return { success: false };
      }
      user.credits -= amount;
      await user.save({ transaction });
      await CreditLog.create({ userId, amount: -amount }, { transaction });
      await transaction.commit();
      return { success: true };
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  }
}
