/** What operators can do about bills from a shell: `bin/check-bill.ts`. The same code as the server's. */
import { parseArgs } from "node:util";
import { openBills } from "./bills.ts";
import { createIdSource } from "./billing/id.ts";
import { billDay, type BillFinding } from "./billing/order/bill.ts";
import { checkBill, checkFlow, type BillOutcome } from "./billing/order/check-bill.ts";
import { ConfigError, loadConfig, type Config } from "./config.ts";
import { createBatchRunner, NO_SECOND_LAYER } from "./store/batch-runner.ts";
import { createCatalogCache } from "./store/catalog-cache.ts";
import { createOrderReader } from "./store/order-reader.ts";
import { closeOrm, openOrm } from "./store/orm.ts";
import { createSealer } from "./store/sealing.ts";
import { createTeller } from "./store/teller.ts";
import { redactText } from "./telemetry/redaction.ts";
import type { Log } from "./telemetry/observer.ts";
import { createGateway } from "./wechat/gateway.ts";

export interface CheckBillSurroundings {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
  readonly warn: (line: string) => void;
}

const USAGE = `usage: check-bill --date YYYY-MM-DD [--source trade|fund-flow]

Fetches WeChat Pay's bill of a day of Asia/Shanghai, the trade bill unless told otherwise, and compares it with the books, with the
server's environment (WECHAT_FILE and SEALING_KEYS_FILE among it). Ends with 0 when nothing differs,
with 3 when something does.`;

const EXIT_OK = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;
const EXIT_FINDINGS = 3;
/** One for what is booked, one for reads, and some to spare: four lines are cleared up at one time. */
const POOL_MAX = 6;
const TELLER = { lanes: 1, batchMax: 16, queueMax: 64 };

/** @returns the exit code: 0, 1 for a fault or a bill that can't be had, 2 for wrong words, 3 for findings */
export async function runCheckBill(surroundings: CheckBillSurroundings): Promise<number> {
  const { words, environment, print, warn } = surroundings;
  const wanted = wantedIn(words);
  if (wanted === undefined) {
    warn(USAGE);
    return EXIT_USAGE;
  }
  try {
    const outcome = await check(loadConfig(environment), wanted, warn);
    return tell(outcome, print, warn);
  } catch (fault) {
    if (fault instanceof ConfigError) warn(`the configuration has faults:\n${fault.message}`);
    else warn(redactText(fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault)));
    return fault instanceof ConfigError ? EXIT_USAGE : EXIT_FAULT;
  }
}

interface Wanted {
  readonly date: string;
  readonly check: typeof checkBill;
}

const CHECKS: ReadonlyMap<string, typeof checkBill> = new Map([
  ["trade", checkBill],
  ["fund-flow", checkFlow],
]);

function wantedIn(words: readonly string[]): Wanted | undefined {
  const options = { date: { type: "string" }, source: { type: "string", default: "trade" } } as const;
  try {
    const { date = "", source } = parseArgs({ args: [...words], options }).values;
    const checkIt = CHECKS.get(source);
    return checkIt !== undefined && billDay(date) ? { date, check: checkIt } : undefined;
  } catch {
    return undefined;
  }
}

async function check(
  config: Config,
  wanted: Wanted,
  warn: (line: string) => void,
): Promise<BillOutcome> {
  const { wechat, sealing, database } = config;
  if (wechat === undefined || sealing === undefined) {
    throw new Error("WECHAT_FILE is not set: nothing is sold");
  }
  const { url, tls, statementTimeoutMs } = database;
  const orm = await openOrm({ url, tls, statementTimeoutMs, poolMax: POOL_MAX, warn });
  const sealer = createSealer(sealing);
  const context = {
    ids: createIdSource(Math.random),
    timeOf: (databaseMs: number) => databaseMs,
    refundWindowMs: config.refundWindowMs,
    catalogAt: createCatalogCache(),
    sealer,
  };
  const unobserved = { served() {}, retried() {}, failed() {} };
  const runner = createBatchRunner(orm, context, NO_SECOND_LAYER, unobserved);
  const teller = createTeller(runner, { ...TELLER, observer: { queued() {}, overloaded() {} } });
  const gateway = createGateway(wechat.merchant, { log: logTo(warn) });
  try {
    const reader = createOrderReader(orm, sealer);
    const { parts } = openBills({ teller, reader, gateway, orm, context, sealer });
    return await wanted.check(parts, wanted.date);
  } finally {
    await gateway.close();
    await teller.drain();
    await closeOrm(orm);
  }
}

function tell(
  outcome: BillOutcome,
  print: (line: string) => void,
  warn: (line: string) => void,
): number {
  if (outcome.kind === "creating") {
    warn("WeChat Pay hasn't made the bill yet: it comes at about ten in the morning of the next day");
    return EXIT_FAULT;
  }
  if (outcome.kind === "refused") {
    warn(`WeChat Pay refuses the bill: ${outcome.code} ${outcome.message}`);
    return EXIT_FAULT;
  }
  const { day, bill, sha1, settled, findings, isNew, billId, doubts } = outcome;
  const what = sha1 === "" ? "no statement" : `${bill.rows.length} lines, SHA-1 ${sha1}`;
  print(`${day.date}  ${billId}  ${what}${isNew ? "" : "  (known)"}`);
  print(`${settled} payments that only the bill knew, ${findings.length} findings`);
  for (const finding of findings) print(lineOf(finding));
  for (const doubt of doubts) warn(redactText(`not cleared up: ${String(doubt)}`));
  if (findings.length > 0) return EXIT_FINDINGS;
  return doubts.length > 0 ? EXIT_FAULT : EXIT_OK;
}

function lineOf({ kind, orderId, refundId, amountHereFen, amountThereFen, line, note }: BillFinding): string {
  const side = (fen: bigint | null) => (fen === null ? "-" : `${fen} fen`);
  return [
    kind,
    refundId === null ? orderId : `${orderId} ${refundId}`,
    `here ${side(amountHereFen)}`,
    `there ${side(amountThereFen)}`,
    line === null ? "-" : `line ${line}`,
    note,
  ].join("\t");
}

/** A command's answer is what it prints; only what went wrong is told beside it. */
function logTo(warn: (line: string) => void): Log {
  const quiet = () => undefined;
  const loud: Log["warn"] = (_, message) => warn(message);
  return { debug: quiet, info: quiet, warn: loud, error: loud };
}
