/** What vendors charge, written down: costs, unit prices, bills. One transaction a call. */
import { createHash } from "node:crypto";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import type { FeatureId, ReservationId, TaskId, UserId } from "../billing/id.ts";
import { sum } from "../billing/money.ts";
import type {
  BroughtBill,
  CostBooks,
  NewCost,
  RecordedCosts,
  UnitPrice,
  UnitPriceTerms,
  VendorBill,
} from "../billing/report/cost.ts";
import {
  decideCosts,
  externalKey,
  priceKey,
  type CostFacts,
  type CostOwner,
} from "../billing/report/record-costs.ts";
import { nextVersion } from "../billing/report/unit-price.ts";
import { toBigInt, type Row } from "./cell.ts";
import { BILL_LINES, COSTS, costCells, readUnitPrice, readVendorBill } from "./cost-rows.ts";
import { UnitPriceTable, VendorBillTable } from "./cost-tables.ts";
import { changeOnce, jsonAnswers, type ChangeContext, type KeyedMethod } from "./operation-rows.ts";
import { insertSql, listSql, literal } from "./sql.ts";

/** Lines of a bill that one statement writes. */
const LINES_A_STATEMENT = 1_000;

const RECORD: KeyedMethod<readonly NewCost[], RecordedCosts> = {
  method: "RecordCosts",
  // A thousand costs are too much to keep twice: their hash tells whether they are the same.
  content: (costs) => ({ costs: sha256(jsonAnswers<readonly NewCost[]>().write(costs)) }),
  answers: jsonAnswers(),
};

const PRICE: KeyedMethod<UnitPriceTerms, UnitPrice> = {
  method: "SetUnitPrice",
  content: (terms) => ({
    vendor: terms.vendor,
    service: terms.service,
    unit: terms.unit,
    price_micro_yuan: terms.priceMicroYuan.toString(),
    per_quantity: terms.perQuantity.toString(),
    effective_time: String(terms.effectiveTimeMs),
  }),
  answers: jsonAnswers(),
};

const BILL: KeyedMethod<BroughtBill, VendorBill> = {
  method: "ImportVendorBill",
  content: ({ vendor, month, contentSha256, lines }) => ({
    vendor,
    month,
    content: contentSha256,
    // The same file read by other columns is another bill.
    columns: sha256(jsonAnswers<BroughtBill["lines"]>().write(lines)),
  }),
  answers: jsonAnswers(),
};

export function createCostBooks(orm: MikroORM, context: ChangeContext): CostBooks {
  return {
    recordCosts: (command, signal) =>
      changeOnce(
        orm,
        context,
        RECORD,
        command,
        async (em, { nowMs, newId }) => {
          const facts = await gather(em, command.input, nowMs);
          const { costs, knownCount, amountMicroYuan } = decideCosts(facts, command.input);
          const batchId = newId("cbt");
          const answer = { batchId, recordedCount: costs.length, knownCount, amountMicroYuan };
          const write = async () => {
            if (costs.length === 0) return;
            const rows = costs.map((cost) => costCells(cost, newId("cst"), batchId, nowMs));
            await em.execute(insertSql(COSTS, rows), [], "run");
          };
          return { answer, write };
        },
        signal,
      ),
    setUnitPrice: (command, signal) =>
      changeOnce(
        orm,
        context,
        PRICE,
        command,
        async (em, { nowMs, caller }) => {
          const last = (await pricesOf(em, [command.input], true)).at(-1);
          const version = nextVersion(command.input, last);
          const price = { ...command.input, version, caller: caller.name, createTimeMs: nowMs };
          return { answer: price, write: () => writePrice(em, price) };
        },
        signal,
      ),
    async importBill(command, signal) {
      let isKnown = false;
      const served = await changeOnce(
        orm,
        context,
        BILL,
        command,
        async (em, { nowMs, caller, newId }) => {
          const known = await findBill(em, command.input);
          isKnown = known !== undefined;
          if (known !== undefined) return { answer: known, write: async () => {} };
          const bill = billOf(command.input, newId("vbl"), caller.name, nowMs);
          return { answer: bill, write: () => writeBill(em, bill, command.input) };
        },
        signal,
      );
      return { ...served, replayed: served.replayed || isKnown };
    },
  };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

async function gather(
  em: EntityManager,
  costs: readonly NewCost[],
  nowMs: number,
): Promise<CostFacts> {
  const named = texts(costs.map(({ reservationId }) => reservationId));
  const tasks = texts(
    costs.map(({ reservationId, taskId }) => (reservationId === null ? taskId : null)),
  );
  const reservations = await ownersBy(em, "reservation_id", named);
  const ofTask = new Map<string, CostOwner[]>();
  for (const owner of await ownersBy(em, "task_id", tasks)) {
    ofTask.set(owner.taskId, [...(ofTask.get(owner.taskId) ?? []), owner]);
  }
  const unpriced = costs.filter(({ amountMicroYuan }) => amountMicroYuan === null);
  const prices = Map.groupBy(await pricesOf(em, unpriced), priceKey);
  const known = await knownAmounts(em, costs);
  const byId = new Map(reservations.map((owner) => [owner.reservationId as string, owner]));
  return { nowMs, reservations: byId, ofTask, prices, known };
}

function texts(values: readonly (string | null)[]): string[] {
  return [...new Set(values.filter((value) => value !== null))];
}

async function ownersBy(
  em: EntityManager,
  column: string,
  values: readonly string[],
): Promise<CostOwner[]> {
  if (values.length === 0) return [];
  const rows = await em.execute<Row[]>(
    `select reservation_id, user_id, feature_id, task_id from quota_reservations
      where ${column} in (${listSql(values)})`,
  );
  return rows.map((row) => ({
    reservationId: row["reservation_id"] as ReservationId,
    userId: row["user_id"] as UserId,
    featureId: row["feature_id"] as FeatureId,
    taskId: row["task_id"] as TaskId,
  }));
}

/** All prices of these services, the oldest first. */
async function pricesOf(
  em: EntityManager,
  services: readonly Pick<NewCost, "vendor" | "service">[],
  locked = false,
): Promise<UnitPrice[]> {
  const pairs = new Set(
    services.map(({ vendor, service }) => `(${literal(vendor)},${literal(service)})`),
  );
  if (pairs.size === 0) return [];
  const rows = await em.execute<Row[]>(
    `select * from unit_prices where (vendor, service) in (${[...pairs].join(",")})
      order by vendor, service, version ${locked ? "for update" : ""}`,
  );
  return rows.map(readUnitPrice);
}

async function knownAmounts(em: EntityManager, costs: readonly NewCost[]) {
  const pairs = costs.flatMap(({ vendor, externalId }) =>
    externalId === null ? [] : [`(${literal(vendor)},${literal(externalId)})`],
  );
  const known = new Map<string, bigint>();
  if (pairs.length === 0) return known;
  const rows = await em.execute<Row[]>(
    `select vendor, external_id, amount_micro_yuan from vendor_costs
      where (vendor, external_id) in (${pairs.join(",")})`,
  );
  for (const row of rows) {
    const key = externalKey(row["vendor"] as string, row["external_id"] as string);
    known.set(key, toBigInt(row["amount_micro_yuan"]));
  }
  return known;
}

async function writePrice(em: EntityManager, price: UnitPrice): Promise<void> {
  const { effectiveTimeMs, createTimeMs, ...rest } = price;
  await em.insert(UnitPriceTable, {
    ...rest,
    effectiveTime: new Date(effectiveTimeMs),
    createTime: new Date(createTimeMs),
  });
}

async function findBill(
  em: EntityManager,
  { vendor, month, contentSha256 }: BroughtBill,
): Promise<VendorBill | undefined> {
  const [row] = await em.execute<Row[]>(
    `select * from vendor_bills where vendor = ${literal(vendor)} and month = ${literal(month)}
      and content_sha256 = ${literal(contentSha256)}`,
  );
  return row && readVendorBill(row);
}

function billOf(
  { vendor, month, contentSha256, lines }: BroughtBill,
  billId: string,
  caller: string,
  createTimeMs: number,
): VendorBill {
  const amountMicroYuan = sum(lines.map((line) => line.amountMicroYuan));
  const lineCount = lines.length;
  return { billId, vendor, month, lineCount, amountMicroYuan, contentSha256, caller, createTimeMs };
}

async function writeBill(em: EntityManager, bill: VendorBill, brought: BroughtBill): Promise<void> {
  const { createTimeMs, ...rest } = bill;
  await em.insert(VendorBillTable, { ...rest, createTime: new Date(createTimeMs) });
  const rows = brought.lines.map(({ service, amountMicroYuan, externalId }, at) => [
    bill.billId,
    at + 1,
    service,
    amountMicroYuan,
    externalId,
  ]);
  for (let from = 0; from < rows.length; from += LINES_A_STATEMENT) {
    const part = rows.slice(from, from + LINES_A_STATEMENT);
    await em.execute(insertSql(BILL_LINES, part), [], "run");
  }
}
