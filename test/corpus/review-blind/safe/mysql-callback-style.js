// expect: none
// item: 1
const mysql = require("mysql2");
const pool = mysql.createPool({ uri: process.env.DATABASE_URL });

module.exports = function spend(userId, cost, done) {
  pool.query(
    "UPDATE users SET quota_remaining = quota_remaining - ? WHERE id = ? AND quota_remaining >= ?",
    [cost, userId, cost],
    (error, result) => {
      if (error) return done(error);
      if (result.affectedRows === 0) return done(new Error("quota exhausted"));
      return done(null);
    },
  );
};
