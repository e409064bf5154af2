/** A server's check of the ledgers that rests for ever after its first page, to be killed while it has the turn. */
import { createIdSource } from "../../src/billing/id.ts";
import { startLedgerChecker } from "../../src/job/ledger-checker.ts";
import { createJobTurns } from "../../src/store/job-turns.ts";
import { createLedgerRecords } from "../../src/store/ledger-check-records.ts";
import { checkLedgers } from "../../src/store/ledger-check.ts";
import { openOrm } from "../../src/store/orm.ts";

const [url, owner, leaseText] = process.argv.slice(2);
const leaseMs = Number(leaseText);
const orm = await openOrm({ url: url!, poolMax: 2 });
const context = { ids: createIdSource(Math.random), timeOf: (databaseMs: number) => databaseMs };
const turns = createJobTurns(orm, { job: "ledger-check", owner: owner!, leaseMs });
startLedgerChecker({
  turns,
  records: createLedgerRecords(orm, context, turns, owner!),
  check: (options) =>
    checkLedgers(orm, {
      ...options,
      paged: async () => {
        console.log("a page is done");
        await new Promise(() => {});
      },
    }),
  intervalMs: 100,
  leaseMs,
  observer: {
    broken() {},
    checked() {},
    known() {},
    failed: (fault) => console.error(fault),
  },
});
