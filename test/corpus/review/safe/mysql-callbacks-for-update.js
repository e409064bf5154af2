// expect: none
const pool = require("./pool");
exports.spend = (userId, cost, done) => {
  pool.getConnection((error, connection) => {
    if (error) return done(error);
    connection.beginTransaction((beginError) => {
      if (beginError) return done(beginError);
      connection.query("SELECT credits FROM users WHERE id = ? FOR UPDATE", [userId], (readError, rows) => {
        if (readError || rows[0].credits < cost) return connection.rollback(() => done(readError));
        connection.query("UPDATE users SET credits = credits - ? WHERE id = ?", [cost, userId], (writeError) => {
          if (writeError) return connection.rollback(() => done(writeError));
          connection.commit(done);
        });
      });
    });
  });
};
