/** What is booked for a day as its fund-flow bill can know it, with what trade bills say of fees. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { BillDay } from "../billing/order/bill.ts";
import {
  flowKey,
  type FlowBill,
  type FlowKind,
  type FlowLedger,
  type TradeFact,
} from "../billing/order/flow-bill.ts";
import {
  chunks,
  findPayments,
  findRefunds,
  type LedgerParts,
  type NumbersByIndex,
} from "./bill-ledger.ts";
import { toBigInt, type Row } from "./cell.ts";
import { transactionIndex } from "./order-rows.ts";
import type { Sealer } from "./sealer.ts";
import { listSql, literal } from "./sql.ts";
import { reading } from "./transaction.ts";

export function readFlowLedger(
  orm: MikroORM,
  sealer: Sealer,
  day: BillDay,
  { rows }: FlowBill,
): Promise<FlowLedger> {
  return reading(orm, async (em) => {
    const parts = { em, sealer, day };
    const named = new Map(
      rows
        .filter(({ kind }) => kind === "PAYMENT" || kind === "FEE")
        .map(({ businessNumber }) => [transactionIndex(businessNumber, sealer), businessNumber]),
    );
    const vouchers = new Set(
      rows
        .filter(
          ({ kind, voucher }) => (kind === "REFUND" || kind === "REFUND_RETURN") && voucher !== "",
        )
        .map(({ voucher }) => voucher),
    );
    const { booked, byIndex } = await findPayments(parts, named);
    const refunds = await findRefunds(parts, vouchers);
    const numbers = new Map([...byIndex, ...named]);
    const refundIds = new Set([...vouchers, ...refunds.map(({ refundId }) => refundId)]);
    return {
      day,
      payments: booked,
      refunds,
      tradePayments: await tradePayments(parts, numbers),
      tradeRefunds: await tradeRefunds(parts, refundIds),
      elsewhere: new Set([
        ...(await paymentsElsewhere(parts, numbers)),
        ...(await refundsElsewhere(parts, refundIds)),
      ]),
    };
  });
}

const OF_TRADE_BILLS = `select b.order_id, b.transaction_index, b.refund_id, b.fee_micro_yuan
  from bill_rows b join bill_imports i on i.bill_id = b.bill_id
  where i.type = 'TRADE' and i.state = 'CURRENT'`;

async function tradePayments(
  { em }: LedgerParts,
  numbers: NumbersByIndex,
): Promise<Map<string, TradeFact>> {
  const facts = new Map<string, TradeFact>();
  for (const some of chunks(numbers.keys())) {
    const rows = await em.execute<Row[]>(
      `${OF_TRADE_BILLS} and b.kind = 'PAYMENT' and b.transaction_index in (${listSql(some)})`,
    );
    for (const row of rows) {
      facts.set(numbers.get(row["transaction_index"] as string)!, readFact(row));
    }
  }
  return facts;
}

async function tradeRefunds(
  { em }: LedgerParts,
  ids: ReadonlySet<string>,
): Promise<Map<string, TradeFact>> {
  const facts = new Map<string, TradeFact>();
  for (const some of chunks(ids)) {
    const rows = await em.execute<Row[]>(
      `${OF_TRADE_BILLS} and b.kind = 'REFUND' and b.refund_id in (${listSql(some)})`,
    );
    for (const row of rows) facts.set(row["refund_id"] as string, readFact(row));
  }
  return facts;
}

function readFact(row: Row): TradeFact {
  return {
    orderId: row["order_id"] as string,
    feeMicroYuan: toBigInt(row["fee_micro_yuan"]),
  };
}

/** Keys of what the present fund-flow bills of other days list. */
async function paymentsElsewhere(
  { em, day }: LedgerParts,
  numbers: NumbersByIndex,
): Promise<string[]> {
  const keys: string[] = [];
  for (const some of chunks(numbers.keys())) {
    const rows = await em.execute<Row[]>(
      `${ofOtherDays(day)} and f.kind in ('PAYMENT', 'FEE') and f.business_index in (${listSql(some)})`,
    );
    for (const row of rows) {
      keys.push(flowKey(row["kind"] as FlowKind, numbers.get(row["business_index"] as string)!));
    }
  }
  return keys;
}

async function refundsElsewhere(
  { em, day }: LedgerParts,
  ids: ReadonlySet<string>,
): Promise<string[]> {
  const keys: string[] = [];
  for (const some of chunks(ids)) {
    const rows = await em.execute<Row[]>(
      `${ofOtherDays(day)} and f.refund_id in (${listSql(some)})`,
    );
    keys.push(...rows.map((row) => flowKey(row["kind"] as FlowKind, row["refund_id"] as string)));
  }
  return keys;
}

function ofOtherDays({ date }: BillDay): string {
  return `select f.kind, f.business_index, f.refund_id from fund_flow_rows f
    join bill_imports i on i.bill_id = f.bill_id
    where i.type = 'FUND_FLOW' and i.state = 'CURRENT' and i.bill_date <> ${literal(date)}`;
}
