// expect: FAIL
// item: 1
const { Client } = require("pg");

async function deduct(client, userId, amount) {
  const table = "accounts";
  const found = await client.query("SELECT balance FROM " + table + " WHERE id = $1", [userId]);
  const balance = found.rows[0].balance;
  if (balance < amount) throw new Error("too little");
  const sets = ["balance = $2", "updated_at = now()"].join(", ");
  await client.query(`UPDATE ${table} SET ${sets} WHERE id = $1`, [userId, balance - amount]);
}

module.exports = { deduct, Client };
