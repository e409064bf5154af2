// expect: BG001
async function spend(pool, userId, amount) {
  const { rows } = await pool.query("SELECT credits FROM users WHERE id = $1", [userId]);
  if (rows[0].credits < amount) throw new Error("too few credits");
  const text = ["UPDATE users", "SET credits = $2", "WHERE id = $1"].join(" ");
  await pool.query(text, [userId, rows[0].credits - amount]);
}

module.exports = { spend };
