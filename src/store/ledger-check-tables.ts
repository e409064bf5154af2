/** The check of the ledgers: whose turn it is, and what each round came to. */
import { defineEntity, p } from "@mikro-orm/core";

const ID_LENGTH = 63;

const id = () => p.string().length(ID_LENGTH);
const amount = () => p.bigint("bigint");
const time = () => p.datetime(3);

/** Jobs that one server does at a time. */
export const JobTurnTable = defineEntity({
  name: "JobTurn",
  tableName: "job_turns",
  properties: {
    job: id().primary(),
    /** Who does it or did it last; empty: nobody yet. */
    owner: id(),
    /** Until when nobody else may take it; whoever does it puts this off again and again. */
    leaseUntil: time(),
    /** When it was done last. */
    doneTime: time(),
  },
});

/** Rounds of the check that came to their end. Append-only. */
export const LedgerCheckTable = defineEntity({
  name: "LedgerCheck",
  tableName: "ledger_checks",
  properties: {
    checkId: id().primary(),
    owner: id(),
    startTime: time(),
    endTime: time(),
    ruleCount: p.integer(),
    /** Users, orders, refunds, campaigns and events that were looked at. */
    rowCount: amount(),
    breakCount: amount(),
    /** JSON: the first differences of each rule that was broken. */
    findings: p.text().columnType("mediumtext"),
  },
  indexes: [{ name: "ledger_checks_time", properties: ["endTime"] }],
  triggers: [
    {
      name: "ledger_checks_no",
      timing: "before",
      events: ["update", "delete"],
      body: `signal sqlstate '45000'
      set message_text = 'ledger_checks is append-only: rows are never changed or removed'`,
    },
  ],
});

export const LEDGER_CHECK_TABLES = [JobTurnTable, LedgerCheckTable];
