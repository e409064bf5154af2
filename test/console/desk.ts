/** A console on real books with a day of business in them. */
import type { MikroORM } from "@mikro-orm/mysql";
import { DAY_MS } from "../../src/billing/clock.ts";
import { dayNumber, dayText } from "../../src/billing/report/days.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import { admitting } from "../../src/console/admit.ts";
import { startConsole, type RunningConsole } from "../../src/console/console.ts";
import { openReports, type RunningReports } from "../../src/reports.ts";
import { createAlertReader } from "../../src/store/alert-reader.ts";
import { createCostBooks } from "../../src/store/cost-books.ts";
import { createDiscrepancyReader } from "../../src/store/discrepancy-books.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { command, openBank, type Bank } from "../support/bank.ts";
import { tillOf } from "../support/ledger-world.ts";
import { flavours } from "../support/servers.ts";
import { IDENTITIES, keepingLog, type LogLine } from "../support/service.ts";

/** A name that would be a picture if it became markup. */
export const HOSTILE_SERVICE = "<img src=x onerror=alert(1)>";

export interface Desk {
  readonly bank: Bank;
  readonly orm: MikroORM;
  readonly reports: RunningReports;
  readonly console: RunningConsole;
  readonly reportId: string;
  readonly logLines: readonly LogLine[];
  /** Moves the console's clock, not the bank's. */
  advance(ms: number): void;
  close(): Promise<void>;
}

export async function openDesk(): Promise<Desk> {
  const bank = await openBank(flavours()[0]!);
  const orm = await openOrm({ url: bank.url, poolMax: 4 });
  const { context } = bank;
  const reports = await openReports({
    database: { url: bank.url },
    orm,
    context,
    vatBasisPoints: 600n,
  });
  const till = tillOf(bank);
  const userId = await bank.member(40);
  await till.bought(userId, { planId: "membership-monthly" as never });
  const costs = createCostBooks(orm, context);
  const nowMs = context.timeOf(Date.now());
  const of = { userId: null, featureId: null, taskId: null, reservationId: null, unit: "" };
  const cost = { ...of, quantity: null, externalId: null, vendor: "runninghub" };
  const services = ["gpu-second", HOSTILE_SERVICE];
  const some = [0, DAY_MS].flatMap((ago) =>
    services.map((service) => ({
      ...cost,
      service,
      amountMicroYuan: 1_234_567n,
      occurTimeMs: nowMs + DAY_MS - ago,
    })),
  );
  const { reservationId } = await bank.reserve(userId, { quantity: 3 });
  await bank.send(commitQuota, { reservationId, actualAmount: null }, { userId });
  bank.advance(DAY_MS);
  await costs.recordCosts(command(some));
  const date = dayText(dayNumber(nowMs));
  const { reportId } = await reports.maker.generate(command({ period: "DAILY", date } as const));
  let shiftMs = 0;
  const { log, lines } = keepingLog();
  const running = await startConsole({
    host: "127.0.0.1",
    port: 0,
    admit: admitting(IDENTITIES),
    sources: {
      maker: reports.maker,
      reader: reports.reader,
      alerts: createAlertReader(orm, context),
      discrepancies: createDiscrepancyReader(orm),
    },
    now: () => Date.now() + shiftMs,
    log,
  });
  return {
    bank,
    orm,
    reports,
    console: running,
    reportId: reportId!,
    logLines: lines,
    advance: (ms) => void (shiftMs += ms),
    async close() {
      await running.close();
      await reports.close();
      await closeOrm(orm);
      await bank.close();
    },
  };
}
