// expect: BG018
const db = require("./db");
function subtract(userId, units) {
  return new Promise((resolve, reject) => {
    db.query("UPDATE users SET credits = credits - ? WHERE id = ? AND credits >= ?", [units, userId, units], (error, result) => {
      if (error) return reject(error);
      if (result.affectedRows === 0) reject(new Error("not enough"));
      else resolve(true);
    });
  });
}
module.exports = { subtract };
