// expect: none
// item: 2
const pool = require("./pool");

module.exports.refundTask = async function refundTask(taskId) {
  const connection = await pool.getConnection();
  try {
    await connection.beginTransaction();
    const [rows] = await connection.execute(
      "SELECT user_id, quota_cost, refunded FROM tasks WHERE id = ? FOR UPDATE",
      [taskId],
    );
    const task = rows[0];
    if (!task || task.refunded === 1) {
      await connection.rollback();
      return false;
    }
    await connection.execute("UPDATE tasks SET refunded = 1 WHERE id = ?", [taskId]);
    await connection.execute("UPDATE users SET quota_remaining = quota_remaining + ? WHERE id = ?", [
      task.quota_cost,
      task.user_id,
    ]);
    await connection.commit();
    return true;
  } catch (error) {
    await connection.rollback();
    throw error;
  } finally {
    connection.release();
  }
};
