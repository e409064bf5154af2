// expect: none
// item: 1
const db = require("./db");

// Reads under the lock that the trigger on quota_ledger takes; it writes no balance itself.
exports.append = (userId, delta, key) =>
  db.query("INSERT INTO quota_ledger (user_id, delta, idempotency_key) VALUES ($1, $2, $3)", [userId, delta, key]);
