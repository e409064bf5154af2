// expect: FAIL
// item: 1
const mysql = require("mysql2");
const pool = mysql.createPool({ uri: process.env.DATABASE_URL });

module.exports = function spend(userId, cost, done) {
  pool.query("SELECT quota_remaining FROM users WHERE id = ?", [userId], (error, rows) => {
    if (error) return done(error);
    const left = rows[0].quota_remaining - cost;
    if (left < 0) return done(new Error("quota exhausted"));
    pool.query("UPDATE users SET quota_remaining = ? WHERE id = ?", [left, userId], (failed) => done(failed, left));
  });
};
