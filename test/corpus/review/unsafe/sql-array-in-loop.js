// expect: BG002
const mysql = require("mysql");
const connection = mysql.createConnection({ host: "db" });
const units = 100;
const steps = [
  "START TRANSACTION",
  `UPDATE accounts SET balance = balance - ${units} WHERE id = 1`,
  `UPDATE accounts SET balance = balance + ${units} WHERE id = 2`,
  "COMMIT",
];
function run(queries) {
  for (const query of queries) connection.query(query);
}
run(steps);
