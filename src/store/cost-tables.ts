/** The tables of what vendors charge. All of them are written once. */
import { defineEntity, p } from "@mikro-orm/core";
import { appendOnly } from "./tables.ts";

const ID_LENGTH = 63;
const WORD_LENGTH = 24;
const DAY_LENGTH = 10;
const SHA256_LENGTH = 64;
const EXTERNAL_ID_LENGTH = 128;

const id = () => p.string().length(ID_LENGTH);
const word = () => p.string().length(WORD_LENGTH);
const day = () => p.string().length(DAY_LENGTH);
const amount = () => p.bigint("bigint");
const externalId = () => p.string().length(EXTERNAL_ID_LENGTH).nullable();

export const VendorCostTable = defineEntity({
  name: "VendorCost",
  tableName: "vendor_costs",
  properties: {
    costId: id().primary(),
    /** The call that recorded it. */
    batchId: id(),
    vendor: id(),
    service: id(),
    userId: id().nullable(),
    featureId: id().nullable(),
    taskId: id().nullable(),
    reservationId: id().nullable(),
    quantity: amount().nullable(),
    unit: word(),
    amountMicroYuan: amount(),
    /** Of occurTime, in Asia/Shanghai. */
    day: day(),
    occurTime: p.datetime(3),
    externalId: externalId(),
    createTime: p.datetime(3),
  },
  uniques: [{ name: "vendor_costs_external", properties: ["vendor", "externalId"] }],
  indexes: [
    { name: "vendor_costs_day", properties: ["day", "vendor", "service"] },
    { name: "vendor_costs_user", properties: ["userId", "day"] },
    { name: "vendor_costs_task", properties: ["taskId"] },
  ],
  triggers: appendOnly("vendor_costs"),
});

export const UnitPriceTable = defineEntity({
  name: "UnitPrice",
  tableName: "unit_prices",
  properties: {
    vendor: id().primary(),
    service: id().primary(),
    version: p.integer().unsigned().primary(),
    unit: word(),
    priceMicroYuan: amount(),
    perQuantity: amount(),
    effectiveTime: p.datetime(3),
    caller: id(),
    createTime: p.datetime(3),
  },
  checks: [{ name: "unit_prices_sane", expression: "price_micro_yuan >= 0 and per_quantity >= 1" }],
  triggers: appendOnly("unit_prices"),
});

export const VendorBillTable = defineEntity({
  name: "VendorBill",
  tableName: "vendor_bills",
  properties: {
    billId: id().primary(),
    vendor: id(),
    month: day(),
    lineCount: p.integer(),
    amountMicroYuan: amount(),
    contentSha256: p.string().length(SHA256_LENGTH).fieldName("content_sha256"),
    caller: id(),
    createTime: p.datetime(3),
  },
  uniques: [{ name: "vendor_bills_content", properties: ["vendor", "month", "contentSha256"] }],
  triggers: appendOnly("vendor_bills"),
});

export const VendorBillLineTable = defineEntity({
  name: "VendorBillLine",
  tableName: "vendor_bill_lines",
  properties: {
    billId: id().primary(),
    line: p.integer().unsigned().primary(),
    service: id(),
    amountMicroYuan: amount(),
    externalId: externalId(),
  },
  triggers: appendOnly("vendor_bill_lines"),
});

export const COST_TABLES = [VendorCostTable, UnitPriceTable, VendorBillTable, VendorBillLineTable];
