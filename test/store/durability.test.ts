import assert from "node:assert/strict";
import { join } from "node:path";
import { startLocalDatabase } from "../../src/local/database.ts";
import { findWeaknesses, weaknessesOf } from "../../src/store/durability.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { flavours, freshDirectory, freshSchema } from "../support/servers.ts";

const STRICT = "STRICT_TRANS_TABLES";
const STRONG: Record<string, string> = {
  innodb_flush_log_at_trx_commit: "1",
  sync_binlog: "1",
  log_bin: "ON",
  innodb_doublewrite: "ON",
  innodb_redo_log_enabled: "ON",
  innodb_force_recovery: "0",
  transaction_isolation: "READ-COMMITTED",
  sql_mode: STRICT,
  check_constraint_checks: "ON",
  read_only: "OFF",
};

describe("the check of durability", () => {
  const weakWith = (change: Record<string, string>) =>
    weaknessesOf(new Map(Object.entries({ ...STRONG, ...change }))).map(({ setting }) => setting);

  it("finds each setting that could lose money, and nothing else", () => {
    assert.deepEqual(weakWith({}), []);
    const weak: Record<string, string[]> = {
      innodb_flush_log_at_trx_commit: ["0", "2"],
      sync_binlog: ["0", "100"],
      innodb_doublewrite: ["OFF", "DETECT_ONLY", "fast"],
      innodb_redo_log_enabled: ["OFF"],
      innodb_force_recovery: ["1"],
      transaction_isolation: ["REPEATABLE-READ", "READ-UNCOMMITTED", "SERIALIZABLE"],
      sql_mode: ["", "ANSI", "STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES", `${STRICT},ANSI_QUOTES`],
      check_constraint_checks: ["OFF"],
      read_only: ["ON", "1"],
    };
    for (const [setting, values] of Object.entries(weak)) {
      for (const value of values) assert.deepEqual(weakWith({ [setting]: value }), [setting]);
    }
  });

  it("doesn't ask for a binary log that isn't written to be synced", () => {
    assert.deepEqual(weakWith({ sync_binlog: "0", log_bin: "OFF" }), []);
  });

  it("takes a setting for weak that the server doesn't know, where it must know it", () => {
    const found = weaknessesOf(new Map()).map(({ setting }) => setting);
    assert.ok(found.includes("innodb_flush_log_at_trx_commit"));
    assert.ok(found.includes("transaction_isolation"));
    assert.ok(!found.includes("check_constraint_checks"));
  });

  for (const flavour of flavours()) {
    it(`finds nothing on a server of ours on ${flavour}`, async () => {
      const schema = await freshSchema(flavour);
      const orm = await openOrm({ url: schema.url, poolMax: 1 });
      assert.deepEqual(await findWeaknesses(orm), []);
      await closeOrm(orm);
      await schema.drop();
    });

    it(`finds what is weak on a running server on ${flavour}`, async () => {
      const dataDir = join(await freshDirectory(), "weak");
      const server = await startLocalDatabase({
        flavour,
        dataDir,
        bufferPoolMiB: 64,
        extraArgs: [
          "--innodb-flush-log-at-trx-commit=2",
          "--sync-binlog=0",
          "--innodb-doublewrite=OFF",
          "--sql-mode=",
          "--transaction-isolation=REPEATABLE-READ",
          "--read-only=ON",
        ],
      });
      const orm = await openOrm({ url: `${server.url}mysql`, poolMax: 1 });
      try {
        const found = (await findWeaknesses(orm)).map(({ setting }) => setting);
        // Isolation and SQL mode are set in every session of ours, whatever the server's are.
        assert.deepEqual(found, [
          "innodb_flush_log_at_trx_commit",
          "sync_binlog",
          "innodb_doublewrite",
          "read_only",
        ]);
      } finally {
        await closeOrm(orm);
        await server.kill();
      }
    });
  }
});
