/** Reads of what vendors charge: as committed, nothing locked. */
import type { MikroORM } from "@mikro-orm/mysql";
import type { CostReader, ServiceSums } from "../billing/report/cost.ts";
import { toBigInt, type Row } from "./cell.ts";
import { readCost, readUnitPrice, readVendorBill } from "./cost-rows.ts";
import { literal } from "./sql.ts";
import { reading } from "./transaction.ts";

export function createCostReader(orm: MikroORM): CostReader {
  const rows = (sql: string): Promise<Row[]> => reading(orm, (em) => em.execute<Row[]>(sql));
  return {
    async listCosts({ vendor, userId, featureId, taskId, day }, { after, limit }) {
      const conditions = ["true"];
      const named = { vendor, user_id: userId, feature_id: featureId, task_id: taskId, day };
      for (const [column, value] of Object.entries(named)) {
        if (value !== null) conditions.push(`${column} = ${literal(value)}`);
      }
      if (after !== null) conditions.push(`cost_id < ${literal(after.costId)}`);
      const found = await rows(
        `select * from vendor_costs where ${conditions.join(" and ")}
          order by cost_id desc limit ${limit}`,
      );
      return found.map(readCost);
    },
    async listUnitPrices({ vendor, service }, { after, limit }) {
      const conditions = ["true"];
      if (vendor !== null) conditions.push(`vendor = ${literal(vendor)}`);
      if (service !== null) conditions.push(`service = ${literal(service)}`);
      if (after !== null) {
        const [v, s, n] = [literal(after.vendor), literal(after.service), after.version];
        conditions.push(`(vendor > ${v} or (vendor = ${v} and (service > ${s} or
          (service = ${s} and version < ${n}))))`);
      }
      const found = await rows(
        `select * from unit_prices where ${conditions.join(" and ")}
          order by vendor, service, version desc limit ${limit}`,
      );
      return found.map(readUnitPrice);
    },
    async compareBill(vendor, month) {
      const [row] = await rows(
        `select * from vendor_bills where vendor = ${literal(vendor)} and month = ${literal(month)}
          order by create_time desc, bill_id desc limit 1`,
      );
      if (row === undefined) return undefined;
      const bill = readVendorBill(row);
      const metered = await rows(
        `select service, sum(amount_micro_yuan) as amount, count(*) as n from vendor_costs
          where day between ${literal(`${month}-01`)} and ${literal(`${month}-31`)}
            and vendor = ${literal(vendor)} group by service`,
      );
      const billed = await rows(
        `select service, sum(amount_micro_yuan) as amount, count(*) as n from vendor_bill_lines
          where bill_id = ${literal(bill.billId)} group by service`,
      );
      return { bill, sums: sideBySide(metered, billed) };
    },
  };
}

function sideBySide(metered: readonly Row[], billed: readonly Row[]): ServiceSums[] {
  const byService = (rows: readonly Row[]) =>
    new Map(
      rows.map((row) => [
        row["service"] as string,
        { amount: toBigInt(row["amount"]), count: Number(row["n"]) },
      ]),
    );
  const [here, there] = [byService(metered), byService(billed)];
  const none = { amount: 0n, count: 0 };
  return [...new Set([...here.keys(), ...there.keys()])].toSorted().map((service) => {
    const { amount: meteredSum, count: meteredCount } = here.get(service) ?? none;
    const { amount: billedSum, count: billedCount } = there.get(service) ?? none;
    return { service, metered: meteredSum, meteredCount, billed: billedSum, billedCount };
  });
}
