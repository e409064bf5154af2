/** The seeded year: lawful books with all that can happen, the same from the same seed. */
import assert from "node:assert/strict";
import { runSeedYear } from "../../src/demo/seed-year/command.ts";
import { checkLedgers } from "../../src/store/ledger-check.ts";
import { flavours } from "../support/servers.ts";
import { openSmallYear, SMALL_YEAR, type SmallYear } from "../support/finance/small-year.ts";

/** Text of a day's last and first moment in Shanghai, in UTC. */
const LAST = "time(pay_time) = '15:59:59.999'";
const FIRST = "time(pay_time) = '16:00:00.000'";

for (const flavour of flavours()) {
  describe(`a seeded year on ${flavour}`, () => {
    let year: SmallYear;
    before(async () => {
      year = await openSmallYear(flavour);
    });
    after(() => year.close());

    const count = async (from: string): Promise<number> => {
      const [row] = await year.sql(`select count(*) as total from ${from}`);
      return Number(row!["total"]);
    };
    const words = async (table: string, column: string): Promise<string> => {
      const rows = await year.sql(`select distinct ${column} as word from ${table} order by word`);
      return rows.map((row) => row["word"]).join();
    };

    it("passes all rules of the ledgers", async () => {
      const { findings, rows } = await checkLedgers(year.orm, { rest: 0 });
      assert.deepEqual(findings, []);
      assert.ok(rows > SMALL_YEAR.orders, `${rows} rows`);
    });

    it("is as large as it was asked to be", async () => {
      const near = (found: number, wanted: number) =>
        assert.ok(Math.abs(found / wanted - 1) < 0.05, `${found} instead of ${wanted}`);
      assert.equal(await count("users"), SMALL_YEAR.members);
      near(await count("quota_logs"), SMALL_YEAR.movements);
      near(await count("orders"), SMALL_YEAR.orders);
      near(await count("vendor_costs"), SMALL_YEAR.costs);
      assert.equal(year.movements, await count("quota_logs"));
    });

    it("has every kind of row that a report looks at", async () => {
      assert.equal(
        await words("quota_logs", "type"),
        "ACTIVATE,COMMIT,EXPIRE_GRANT,EXPIRE_HOLD,GRANT,REFUND,RELEASE,RESERVE,RESTORE,REVOKE",
      );
      assert.equal(
        await words("membership_transitions", "event"),
        "ACTIVATED,ENDED,LAPSED,REGISTERED,RENEWED,RESTORED,RESUMED,SHORTENED,SUSPENDED",
      );
      assert.equal(await words("payments", "disposition"), "GRANTED,QUARANTINED,RETURNED");
      assert.equal(await words("orders", "kind"), "PACK,PLAN");
      for (const state of ["CLOSED", "PAID", "PARTIALLY_REFUNDED", "REFUNDED"]) {
        assert.ok((await count(`orders where state = '${state}'`)) > 0, state);
      }
      for (const state of ["CLOSED", "SUCCEEDED"]) {
        assert.ok((await count(`refunds where state = '${state}'`)) > 0, state);
      }
    });

    it("has the cases in which a report could go wrong", async () => {
      const paidAndBack = `payments p join refunds r on r.payment_id = p.payment_id and r.state = 'SUCCEEDED'
        join orders o on o.order_id = p.order_id where p.disposition = 'GRANTED'`;
      const day = (time: string) => `date(${time} + interval 8 hour)`;
      const cases = {
        "the last moment of a day": `payments where ${LAST}`,
        "the first moment of a day": `payments where ${FIRST}`,
        "back on the day of the payment": `${paidAndBack} and ${day("p.pay_time")} = ${day("r.success_time")}`,
        "back before the membership begins": `${paidAndBack} and r.success_time < o.membership_start_time`,
        "back while it runs": `${paidAndBack} and r.success_time > o.membership_start_time + interval 1 day`,
        "renewed in advance": "orders where membership_start_time > pay_time + interval 1 day",
        "told on the day after the payment": `payments where ${day("pay_time")} < ${day("create_time")}`,
        "costs of nobody": "vendor_costs where user_id is null and feature_id is null",
        "costs without a feature": "vendor_costs where user_id is not null and feature_id is null",
        "costs told days later": "vendor_costs where create_time > occur_time + interval 2 day",
        "two bills of a day":
          "(select 1 from bill_imports group by bill_date having count(*) > 1) b",
        "suspended users": "users where state = 'SUSPENDED'",
      };
      for (const [what, from] of Object.entries(cases)) assert.ok((await count(from)) > 0, what);
      const empty = year.days[0]!.date;
      assert.equal(await count(`users where date(create_time + interval 8 hour) = '${empty}'`), 0);
    });

    it("gives each row an id that bears its time", async () => {
      const keys = [
        ["orders", "order_id"],
        ["payments", "payment_id"],
        ["refunds", "refund_id"],
        ["quota_logs", "operation_id"],
        ["quota_reservations", "reservation_id"],
        ["vendor_costs", "cost_id"],
        ["bill_imports", "bill_id"],
      ] as const;
      for (const [table, key] of keys) {
        const rows = await year.sql(`select ${key} as id, create_time from ${table}`);
        for (const row of rows) {
          const id = String(row["id"]);
          const createMs = Date.parse(`${String(row["create_time"]).replace(" ", "T")}Z`);
          assert.equal(timeOf(id), createMs, `${table} ${id}`);
        }
      }
    });

    it("is the same again from the same seed, and another one from another", async () => {
      const of = async ({ sql }: SmallYear) =>
        sql(`select operation_id, line, user_id, type, available_after from quota_logs
          union all select payment_id, amount_fen, user_id, disposition, pay_time from payments
          union all select cost_id, amount_micro_yuan, day, service, occur_time from vendor_costs`);
      const small = { movements: 500, members: 20, orders: 40, costs: 100, days: 12 } as const;
      const first = await openSmallYear(flavour, small);
      const again = await openSmallYear(flavour, small);
      const other = await openSmallYear(flavour, { ...small, seed: 8 });
      try {
        const rows = await of(first);
        assert.ok(rows.length > 400, `${rows.length} rows`);
        assert.deepEqual(await of(again), rows);
        assert.notDeepEqual(await of(other), rows);
      } finally {
        for (const each of [first, again, other]) await each.close();
      }
    });

    it("is made from a shell, once, with a bar that grows", async () => {
      const said: string[] = [];
      const shown: string[] = [];
      const run = (...typed: string[]) =>
        runSeedYear({
          words: ["--database-url", year.url, ...typed],
          environment: {},
          print: (line) => said.push(line),
          warn: (line) => said.push(line),
          show: (line) => shown.push(line),
        });
      const few = ["--members", "9", "--movements", "90", "--orders", "9", "--costs", "9"];
      const days = ["--days", "9", "--seed", "9", "--until", "2025-06-30"];
      assert.equal(await run(...few, ...days), 0, said.join("\n"));
      assert.match(
        said.join("\n"),
        /^2025-06-22 … 2025-06-30: \d+ movements of quota, in [\d.]+ s$/,
      );
      assert.match(shown.at(-1)!, /^█{40} 100 %, 0 s left$/);
      assert.equal(await run(...few, ...days), 1);
      assert.match(said.at(-1)!, /is there already/);
      assert.equal(await run("--members", "-1"), 2);
      assert.equal(await run("--until", "someday"), 2);
    });
  });
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** The time in an id of ours. */
function timeOf(id: string): number {
  const text = id.slice(id.indexOf("_") + 1, id.indexOf("_") + 11);
  return Array.from(text).reduce((sum, letter) => sum * 32 + ALPHABET.indexOf(letter), 0);
}
