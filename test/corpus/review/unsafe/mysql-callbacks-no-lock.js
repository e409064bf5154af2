// expect: BG001
const db = require("./db");
exports.spend = (userId, cost, done) => {
  db.query("SELECT credits FROM users WHERE id = ?", [userId], (error, rows) => {
    if (error) return done(error);
    if (rows[0].credits < cost) return done(new Error("no credits"));
    db.query("UPDATE users SET credits = ? WHERE id = ?", [rows[0].credits - cost, userId], done);
  });
};
