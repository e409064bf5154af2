// expect: BG001
const db = require("./db");
async function currentCredits(userId) {
  const { rows } = await db.query("SELECT credits FROM member_credits WHERE user_id = ?", [userId]);
  if (rows.length > 0) return rows[0].credits;
  await db.query("INSERT INTO member_credits (user_id, credits) VALUES (?, 20)", [userId]);
  return 20;
}
async function takeCredits(userId, amount) {
  const credits = await currentCredits(userId);
  if (credits < amount) return { ok: false, msg: `积分不够` };
  await db.query("UPDATE member_credits SET credits = credits - ? WHERE user_id = ?", [amount, userId]);
  return { ok: true, credits: credits - amount };
}
module.exports = { takeCredits };
