// expect: none
// item: 1
async function deduct(client, userId, amount) {
  const table = "accounts";
  const sets = ["balance = balance - $2", "updated_at = now()"].join(", ");
  const result = await client.query(`UPDATE ${table} SET ${sets} WHERE id = $1 AND balance >= $2`, [userId, amount]);
  if (result.rowCount !== 1) throw new Error("too little");
}

module.exports = { deduct };
