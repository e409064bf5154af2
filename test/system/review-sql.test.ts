import { deepStrictEqual, ok } from "node:assert/strict";
import { loadModule, parseSync } from "libpg-query";
import sqlParser from "node-sql-parser";
import { readSql } from "../../src/review/sql/read.ts";

/** Statements that both this reader and a grown parser must read alike: what is read, written and locked. */
const COMMON = [
  "SELECT credits FROM users WHERE id = 1",
  "SELECT credits FROM users WHERE id = 1 FOR UPDATE",
  "SELECT credits FROM users WHERE note = 'FOR UPDATE'",
  "SELECT credits FROM users /* FOR UPDATE */ WHERE id = 1",
  "SELECT u.credits FROM users u JOIN plans p ON p.id = u.plan_id WHERE u.id = 1 FOR UPDATE",
  "UPDATE users SET credits = credits - 1 WHERE id = 1 AND credits >= 1",
  "UPDATE users SET credits = 5, note = 'a, b' WHERE id = 1",
  "INSERT INTO quota_logs (user_id, amount) VALUES (1, 2)",
  "DELETE FROM quota_logs WHERE id = 1",
];
const MYSQL = [
  ...COMMON,
  "SELECT credits FROM `users` WHERE id = 1 FOR UPDATE SKIP LOCKED",
  "UPDATE users u JOIN tasks t ON t.user_id = u.id SET u.credits = u.credits + t.cost WHERE t.refunded = 0",
  "INSERT INTO users (id, credits) VALUES (1, 2) ON DUPLICATE KEY UPDATE credits = credits + 2",
];
const POSTGRES = [
  ...COMMON,
  'SELECT credits FROM public."users" WHERE id = $1 FOR NO KEY UPDATE',
  "SELECT credits FROM users WHERE id = $1 FOR UPDATE NOWAIT",
  "UPDATE users SET credits = credits - $1 WHERE id = $2 RETURNING credits",
  "INSERT INTO refunds (id) VALUES ($1) ON CONFLICT (id) DO NOTHING",
  "WITH done AS (UPDATE tasks SET refunded = true WHERE id = $1 RETURNING user_id) UPDATE users SET credits = credits + 1",
];

interface Reading {
  readonly verb: string;
  readonly table: string;
  readonly locks: boolean;
}

function ours(sql: string): Reading {
  const last = readSql(sql).findLast(({ tables }) => tables.length > 0);
  const verb = last?.verb === "read" ? "select" : (last?.verb ?? "");
  const statements = readSql(sql);
  // ON DUPLICATE KEY UPDATE is an insert and an update to us.
  const inserts = statements.some((entry) => entry.verb === "insert");
  return {
    verb: inserts ? "insert" : verb,
    table: last?.tables[0]?.text ?? "",
    locks: last?.lock === "update",
  };
}

describe("SQL is read as the databases' own grammars read it", () => {
  for (const sql of MYSQL) {
    it(`MySQL: ${sql}`, () => {
      const ast = new sqlParser.Parser().astify(sql, { database: "MySQL" });
      const [node] = (Array.isArray(ast) ? ast : [ast]) as unknown as Record<string, unknown>[];
      const tables = (node?.["from"] ?? node?.["table"]) as { table: string }[];
      const lock = node?.["locking_read"];
      deepStrictEqual(ours(sql), {
        verb: node?.["type"],
        table: tables[0]?.table,
        locks: lock !== undefined && lock !== null,
      });
    });
  }

  before(loadModule);

  for (const sql of POSTGRES) {
    it(`PostgreSQL: ${sql}`, () => {
      const tree = parseSync(sql) as unknown as {
        stmts: { stmt: Record<string, Record<string, unknown>> }[];
      };
      const [[kind, node] = ["", {}]] = Object.entries(tree.stmts[0]?.stmt ?? {});
      const relation = JSON.stringify(node["relation"] ?? node["fromClause"]);
      const { table, locks, verb } = ours(sql);
      deepStrictEqual(verb, kind.replace("Stmt", "").toLowerCase());
      deepStrictEqual(locks, node["lockingClause"] !== undefined);
      ok(relation.includes(`"relname":"${table}"`), relation);
    });
  }
});
