/** The provider's bills: which days are to be checked, what they say, and what differs from the books. */
import { defineEntity, p } from "@mikro-orm/core";
import { appendOnly } from "./tables.ts";

const ID_LENGTH = 63;
const WORD_LENGTH = 24;
/** YYYY-MM-DD. */
const DATE_LENGTH = 10;
const SHA1_LENGTH = 40;
/** The longest that the provider takes for a refund; an order's number is shorter. */
const NUMBER_LENGTH = 64;
const NOTE_LENGTH = 255;
const STEP_NOTE_LENGTH = 1_000;

const id = () => p.string().length(ID_LENGTH);
const word = () => p.string().length(WORD_LENGTH);
const date = () => p.string().length(DATE_LENGTH);
const number = () => p.string().length(NUMBER_LENGTH);
const amount = () => p.bigint("bigint");
const time = () => p.datetime(3);

/** The days whose bills are to be checked. The row is also what those who check the same day wait for. */
export const BillDayTable = defineEntity({
  name: "BillDay",
  tableName: "bill_days",
  properties: {
    billDate: date().primary(),
    /** TRADE or FUND_FLOW. */
    type: word().primary(),
    /** PENDING or DONE. */
    state: word(),
    /** Begun so far. */
    attempts: p.integer(),
    /** While PENDING: when it may be tried; a try under way puts this off as its lease. */
    nextTryTime: time().nullable(),
    /** What came of the last try. */
    note: p.string().length(NOTE_LENGTH),
    createTime: time(),
    endTime: time().nullable(),
  },
  indexes: [{ name: "bill_days_due", properties: ["nextTryTime"] }],
});

export const BillImportTable = defineEntity({
  name: "BillImport",
  tableName: "bill_imports",
  properties: {
    billId: id().primary(),
    billDate: date(),
    type: word(),
    /** Of the uncompressed bytes; empty where the provider has no statement. */
    sha1: p.string().length(SHA1_LENGTH),
    /** CURRENT, or SUPERSEDED by another bill of the same day. */
    state: word(),
    lineCount: p.integer(),
    /** What orders were about; of a fund-flow bill, what came in. */
    orderFen: amount(),
    /** What was asked to go back; of a fund-flow bill, what went out. */
    refundFen: amount(),
    feeMicroYuan: amount(),
    /** Payments that only became known by it. */
    settledCount: p.integer(),
    createTime: time(),
    /** When it was compared last. */
    checkTime: time(),
  },
  uniques: [{ name: "bill_imports_content", properties: ["billDate", "type", "sha1"] }],
});

/** The lines of bills. Append-only. */
export const BillRowTable = defineEntity({
  name: "BillRow",
  tableName: "bill_rows",
  properties: {
    billId: id().primary(),
    /** In the file, from 1. */
    line: p.integer().primary(),
    /** PAYMENT or REFUND. */
    kind: word(),
    time: time(),
    orderId: number(),
    /** Keyed hash of the provider's number, as in `payments`. */
    transactionIndex: id(),
    refundId: number().nullable(),
    /** Of a refund, what was asked to go back. */
    amountFen: amount(),
    feeMicroYuan: amount(),
    /** SUCCESS for a payment; for a refund its status when the bill was made. */
    status: word(),
  },
  indexes: [
    { name: "bill_rows_transaction", properties: ["transactionIndex"] },
    { name: "bill_rows_refund", properties: ["refundId"] },
  ],
  triggers: appendOnly("bill_rows"),
});

export const BillFindingTable = defineEntity({
  name: "BillFinding",
  tableName: "bill_findings",
  properties: {
    findingId: id().primary(),
    /** Of `bill_imports`, or of `vendor_bills`. */
    billId: id(),
    kind: word(),
    /** Empty in those of vendors' bills. */
    orderId: number(),
    refundId: number().nullable(),
    /** A refund's number, the keyed hash of a payment's, or a vendor's service. */
    subject: number(),
    line: p.integer().nullable(),
    amountHereFen: amount().nullable(),
    amountThereFen: amount().nullable(),
    note: p.string().length(NOTE_LENGTH),
    createTime: time(),
    /** When a later comparison no longer found it; null while it stands. */
    clearTime: time().nullable(),
    /** How far people have come with it: OPEN, ASSIGNED or RESOLVED. One that has cleared needs nobody. */
    state: word().default("OPEN"),
    /** Who looks into it; null while nobody does. */
    assignee: id().nullable(),
    /** How many rows `discrepancy_steps` has of it. */
    steps: p.integer().defaultRaw("0"),
    /** In those of vendors' bills, in place of fen. */
    amountHereMicroYuan: amount().nullable(),
    amountThereMicroYuan: amount().nullable(),
  },
  uniques: [{ name: "bill_findings_subject", properties: ["billId", "kind", "orderId", "subject"] }],
  indexes: [
    { name: "bill_findings_order", properties: ["orderId"] },
    { name: "bill_findings_state", properties: ["state", "findingId"] },
  ],
});

/** What was done about findings. Append-only. */
export const DiscrepancyStepTable = defineEntity({
  name: "DiscrepancyStep",
  tableName: "discrepancy_steps",
  properties: {
    findingId: id().primary(),
    /** Counts the finding's steps from 1. */
    sequence: p.integer().primary(),
    /** ASSIGNED, RESOLVED or REOPENED. */
    kind: word(),
    assignee: id().nullable(),
    /** Why. */
    note: p.string().length(STEP_NOTE_LENGTH),
    actor: id(),
    createTime: time(),
  },
  triggers: appendOnly("discrepancy_steps"),
});

/** The lines of fund-flow bills. Append-only. */
export const FundFlowRowTable = defineEntity({
  name: "FundFlowRow",
  tableName: "fund_flow_rows",
  properties: {
    billId: id().primary(),
    /** In the file, from 1. */
    line: p.integer().primary(),
    /** PAYMENT, FEE, REFUND, REFUND_RETURN or OTHER. */
    kind: word(),
    time: time(),
    /** Keyed hash of the provider's number of the payment or refund behind it. */
    businessIndex: id(),
    /** The provider's number of the movement itself. */
    flowId: number(),
    /** As printed. */
    businessName: number(),
    /** Null where neither the line nor the books tell. */
    orderId: number().nullable(),
    refundId: number().nullable(),
    /** Below zero for what went out. */
    amountFen: amount(),
    /** What was left in the account. */
    balanceFen: amount(),
  },
  indexes: [
    { name: "fund_flow_rows_business", properties: ["businessIndex"] },
    { name: "fund_flow_rows_refund", properties: ["refundId"] },
  ],
  triggers: appendOnly("fund_flow_rows"),
});

export const BILL_TABLES = [
  BillDayTable,
  BillImportTable,
  BillRowTable,
  BillFindingTable,
  DiscrepancyStepTable,
  FundFlowRowTable,
];
