// expect: FAIL
// item: 2
const { Pool } = require("pg");
const pool = new Pool();

exports.refundCredits = async (generationId) => {
  const { rows } = await pool.query("SELECT user_id, cost FROM generations WHERE id = $1", [generationId]);
  if (rows.length === 0) return;
  const { user_id, cost } = rows[0];
  await pool.query("UPDATE users SET credits = credits + $1 WHERE id = $2", [cost, user_id]);
};
