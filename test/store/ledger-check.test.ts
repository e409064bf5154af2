/** The check of the ledgers: silent about what lawful ways have made, and each rule names what it is for. */
import assert from "node:assert/strict";
import type { MikroORM } from "@mikro-orm/mysql";
import { checkLedgers, LEDGER_RULES } from "../../src/store/ledger-check.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { readDocument } from "../support/documents.ts";
import { openBank, type Bank } from "../support/bank.ts";
import { LEDGER_FAULTS } from "../support/ledger-faults.ts";
import { makeLedgerWorld } from "../support/ledger-world.ts";
import { flavours } from "../support/servers.ts";

const AT_ONCE = { rest: 0 } as const;
const WITHOUT_OWNER = ["LB07", "LB45"];

describe("docs/ledger.md", () => {
  it("has exactly the rules of the code, in their order, with what they say and the tables that they read", () => {
    const { prose } = readDocument("docs/ledger.md");
    const rows = [...prose.matchAll(/^\| `(LB\d\d)` \| (.+?) \| (.+?) \| .+ \|$/gm)];
    const tablesOf = (sql: string) =>
      new Set(
        [...sql.matchAll(/\b(?:from|join) (?!json_table)([a-z_]+)\b/g)].map(([, table]) => table!),
      );
    assert.deepEqual(
      rows.map(([, code, says, tables]) => [
        code,
        says,
        new Set(tables!.split(", ").map((name) => name.slice(1, -1))),
      ]),
      LEDGER_RULES.map(({ code, says, sql }) => [code, says, tablesOf(sql)]),
    );
  });
});

for (const flavour of flavours()) {
  describe(`the check of the ledgers on ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    before(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 2 });
      await makeLedgerWorld(bank);
    });
    after(async () => {
      await closeOrm(orm);
      await bank.close();
    });

    it("says nothing against what lawful ways have made, in pages of any size", async () => {
      const whole = await checkLedgers(orm, AT_ONCE);
      assert.deepEqual(whole.findings, []);
      const small = await checkLedgers(orm, { ...AT_ONCE, pageMax: 1 });
      assert.deepEqual(small, whole);
      assert.ok(whole.rows > 20, `${whole.rows} rows`);
    });

    it("was shown every state that a row can have", async () => {
      const states = async (table: string) => {
        const rows = await bank.sql(`select distinct state from ${table} order by state`);
        return rows.map((row) => row["state"]).join();
      };
      assert.equal(await states("quota_reservations"), "COMMITTED,EXPIRED,HELD,REFUNDED");
      assert.equal(await states("quota_grants"), "EXHAUSTED,EXPIRED,OPEN,SCHEDULED");
      assert.equal(await states("orders"), "CLOSED,CREATED,PAID,PARTIALLY_REFUNDED,REFUNDED");
      assert.equal(await states("refunds"), "CLOSED,PROCESSING,REQUESTED,SUCCEEDED");
      assert.equal(await states("users"), "ACTIVE,SUSPENDED");
    });

    it("names the row by each of its rules, with what it should say", async () => {
      assert.deepEqual(
        LEDGER_FAULTS.map(({ rule }) => rule),
        LEDGER_RULES.map(({ code }) => code),
      );
      const triggers = await bank.sql("show triggers");
      for (const row of triggers) await bank.sql(`drop trigger ${String(row["Trigger"])}`);
      for (const { rule, table, pick, sql } of LEDGER_FAULTS) {
        await bank.sql(`create table kept as select * from ${table}`);
        const [picked] = await bank.sql(pick);
        assert.ok(picked, `${rule}: the world has nothing of that kind`);
        const id = String(picked["id"]);
        await bank.sql(sql(id));
        const { findings, breaks } = await checkLedgers(orm, AT_ONCE);
        const named = findings.filter((each) => each.rule === rule && each.rowId.includes(id));
        assert.ok(named.length > 0, `${rule} doesn't name ${id}: ${JSON.stringify(findings)}`);
        assert.ok(breaks >= findings.length);
        if (WITHOUT_OWNER.includes(rule)) {
          // What belongs to nobody stands between two pages or behind the last.
          const small = await checkLedgers(orm, { ...AT_ONCE, pageMax: 1 });
          assert.deepEqual([small.breaks, small.findings], [breaks, findings]);
        }
        for (const { expected, found } of named) assert.notEqual(expected, found);
        await bank.sql(`delete from ${table}`);
        await bank.sql(`insert into ${table} select * from kept`);
        await bank.sql("drop table kept");
      }
      assert.deepEqual((await checkLedgers(orm, AT_ONCE)).findings, []);
    });
  });
}
