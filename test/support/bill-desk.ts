/** A till whose bills are checked: days pass, bills come, and a test looks at what was written down. */
import { DAY_MS, HOUR_MS } from "../../src/billing/clock.ts";
import { shanghaiDay } from "../../src/billing/calendar.ts";
import type { OrderId } from "../../src/billing/id.ts";
import type { BillType } from "../../src/billing/order/check-bill.ts";
import { Order_State, type Refund } from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as OrderService } from "../../src/gen/billing/order/v1/order_service.ts";
import { startBillChecker, type BillChecker, type BillObserver } from "../../src/job/bill-checker.ts";
import type { DatabaseFlavour } from "../../src/local/database.ts";
import type { Row } from "../../src/store/cell.ts";
import { transactionIndex } from "../../src/store/order-rows.ts";
import { TEST_SEALER, unique } from "./bank.ts";
import { openTill, orderIdOf, type Till } from "./till.ts";

export type BillTold = { readonly call: keyof BillObserver; readonly facts: readonly unknown[] };

export interface BillDesk {
  readonly till: Till;
  readonly checker: BillChecker;
  readonly told: BillTold[];
  readonly observer: BillObserver;
  /** Goes on to nine o'clock of the next day in Shanghai. @returns that day */
  morning(): Promise<string>;
  /** Goes on to a quarter past ten of the next day, when the present day's bill can be had. */
  billTime(): Promise<void>;
  /** An order that is paid; `lost`: no callback of it ever comes. */
  buy(options?: { readonly lost?: boolean }): Promise<{ readonly orderId: OrderId; readonly userId: string }>;
  refund(orderId: string, amountFen: bigint): Promise<Refund>;
  /** Books a payment that the provider never had, at this moment. */
  forgePayment(orderId: string, payTimeMs: number): Promise<void>;
  /** @param type of the bill; the trade bill's unless given */
  day(date: string, type?: BillType): Promise<Row | undefined>;
  imports(date: string, type?: BillType): Promise<Row[]>;
  /** Those of the day's present bill that stand. */
  findings(date: string, type?: BillType): Promise<Row[]>;
  close(): Promise<void>;
}

/** Rounds come when a test asks for them. */
const NEVER_MS = 2 ** 31 - 1;

export const SHANGHAI_OFFSET_MS = 8 * HOUR_MS;

export function startOfDay(ms: number): number {
  return Math.floor((ms + SHANGHAI_OFFSET_MS) / DAY_MS) * DAY_MS - SHANGHAI_OFFSET_MS;
}

export function notingBills(told: BillTold[]): BillObserver {
  const note =
    (call: keyof BillObserver) =>
    (...facts: readonly unknown[]) =>
      void told.push({ call, facts });
  return {
    billChecked: note("billChecked"),
    billLate: note("billLate"),
    billFailed: note("billFailed"),
    billsChecked: note("billsChecked"),
  };
}

export async function openBillDesk(flavour: DatabaseFlavour): Promise<BillDesk> {
  const till = await openTill(flavour);
  const told: BillTold[] = [];
  const observer = notingBills(told);
  const now = () => till.simulator.clock.now();
  const goTo = async (ms: number) => till.advance(ms - now());
  // Its first round is over before any order is there.
  const checker = startBillChecker({ ...till.payments.bills, intervalMs: NEVER_MS, observer });
  await till.until(async () => told.some(({ call }) => call === "billsChecked"));
  const { sql } = till.service.bank;
  return {
    till,
    checker,
    told,
    observer,
    async morning() {
      await goTo(startOfDay(now()) + DAY_MS + 9 * HOUR_MS);
      return shanghaiDay(now());
    },
    billTime: () => goTo(startOfDay(now()) + DAY_MS + 10.25 * HOUR_MS),
    async buy({ lost = false } = {}) {
      const userId = await till.user();
      const orderId = orderIdOf(await till.order(userId));
      till.simulator.faults.callbacks.drop({ chance: lost ? 1 : 0 });
      till.simulator.user.pay(orderId);
      await till.simulator.idle();
      till.simulator.faults.callbacks.drop({ chance: lost ? 1 : 0 });
      if (!lost) {
        await till.until(async () => (await till.get(orderId)).order!.state === Order_State.PAID);
      }
      return { orderId, userId };
    },
    async refund(orderId, amountFen) {
      const { refund } = await till.service.call(OrderService.refundOrder, {
        idempotencyKey: unique("refund"),
        orderId,
        amountFen,
        reason: "test",
        paymentId: "",
        validateOnly: false,
      });
      return refund!;
    },
    async forgePayment(orderId, payTimeMs) {
      const paymentId = unique("pay_forged");
      const transactionId = `4200000000${paymentId.replaceAll(/\D/g, "").padStart(18, "9")}`;
      const sealed = TEST_SEALER.seal(
        transactionId,
        `payment_numbers.transaction_sealed:${paymentId}`,
      );
      const time = new Date(payTimeMs).toISOString().replace("T", " ").slice(0, 23);
      await sql(
        `insert into payments (payment_id, order_id, user_id, transaction_index, amount_fen,
          currency, pay_time, disposition, source, note, create_time)
          values ('${paymentId}', '${orderId}', 'forged',
          '${transactionIndex(transactionId, TEST_SEALER)}', 9900, 'CNY', '${time}', 'GRANTED', 'QUERY', '',
          '${time}')`,
      );
      await sql(
        `insert into payment_numbers (payment_id, transaction_sealed) values ('${paymentId}', '${sealed}')`,
      );
    },
    day: async (date, type = "TRADE") =>
      (await sql(`select * from bill_days where type = '${type}' and bill_date = '${date}'`))[0],
    imports: (date, type = "TRADE") =>
      sql(
        `select * from bill_imports where type = '${type}' and bill_date = '${date}' order by bill_id`,
      ),
    findings: (date, type = "TRADE") =>
      sql(
        `select f.* from bill_findings f join bill_imports i on i.bill_id = f.bill_id
          where i.type = '${type}' and i.bill_date = '${date}' and i.state = 'CURRENT' and f.clear_time is null
          order by f.finding_id`,
      ),
    async close() {
      await checker.stop();
      await till.close();
    },
  };
}
