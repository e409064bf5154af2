// expect: FAIL
// item: 1
const pool = require("./pool");
const { enqueue } = require("./queue");

module.exports = async function createTask(userId, cost, payload) {
  await pool.execute(
    "UPDATE users SET quota_remaining = quota_remaining - ? WHERE id = ? AND quota_remaining >= ?",
    [cost, userId, cost],
  );
  return enqueue({ userId, payload });
};
