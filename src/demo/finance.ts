/**
 * The demo of finance: a made-up month in a private database, its reports, a vendor's bill against what was metered, WeChat
 * Pay's bills against the books, an alarm, the reports as files, and the console as a picture. It's gone at the end but for the files.
 */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MikroORM } from "@mikro-orm/mysql";
import { DAY_MS, HOUR_MS } from "../billing/clock.ts";
import { createIdSource } from "../billing/id.ts";
import type { Command } from "../billing/quota/desk.ts";
import { compareBill } from "../billing/report/compare-bill.ts";
import { dayNumber, dayStartMs, dayText, daysOf } from "../billing/report/days.ts";
import { figureOf, type Report } from "../billing/report/document.ts";
import { getReport, type ReportKey } from "../billing/report/report.ts";
import { startConsole } from "../console/console.ts";
import { Closers } from "../lifecycle.ts";
import { openReports, type RunningReports } from "../reports.ts";
import { exportReport, type ExportFormat } from "../report/export.ts";
import { readable, unitOf } from "../report/format.ts";
import { nameOf, type Language } from "../report/words.ts";
import { createAlertBooks } from "../store/alert-books.ts";
import { createAlertChecks } from "../store/alert-checks.ts";
import { createAlertFacts } from "../store/alert-facts.ts";
import { createAlertReader } from "../store/alert-reader.ts";
import { createCostBooks } from "../store/cost-books.ts";
import { createCostReader } from "../store/cost-reader.ts";
import { createJobTurns } from "../store/job-turns.ts";
import { migrate } from "../store/migrate.ts";
import { createDiscrepancyReader } from "../store/discrepancy-books.ts";
import { closeOrm, openOrm } from "../store/orm.ts";
import type { Sealer } from "../store/sealer.ts";
import { createSealer } from "../store/sealing.ts";
import { seedCatalog } from "../store/seed.ts";
import { picturesOf } from "./console-picture.ts";
import { reconcileBills } from "./finance-bills.ts";
import { databaseUrl } from "./private-servers.ts";
import { seedYear } from "./seed-year/seed-year.ts";

export interface FinanceDemoOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the files go. */
  readonly folder: string;
  readonly say: (line: string) => void;
}

/** A month of a company that two people run. */
const SIZE = { members: 400, movements: 40_000, orders: 1_000, costs: 20_000, days: 45, seed: 7 };
const VAT_BASIS_POINTS = 600n;
const SHOWN = [
  "revenue.sales",
  "revenue.refunded",
  "revenue.recognised",
  "revenue.deferred",
  "costs.total",
  "margin.gross",
  "margin.gross_share",
  "quota.used",
  "quota.liability",
  "members.active",
];
/** Somebody whose token nobody has: the picture's own visitor. */
const VISITOR = "finance-demo";

interface Room {
  readonly orm: MikroORM;
  readonly sealer: Sealer;
  readonly context: { readonly ids: ReturnType<typeof createIdSource>; timeOf(ms: number): number };
  readonly reports: RunningReports;
  /** YYYY-MM. */
  readonly month: string;
  readonly say: (line: string) => void;
}

/** @throws Error that says what is missing, or why something can't be started */
export async function runFinanceDemo(options: FinanceDemoOptions): Promise<void> {
  const { environment, folder, say } = options;
  const closers = new Closers();
  try {
    await mkdir(folder, { recursive: true });
    const place = await mkdtemp(join(tmpdir(), "billing-guard-finance-"));
    closers.add("the data", () => rm(place, { recursive: true, force: true }));
    const url = await databaseUrl({ ...environment, DATABASE_URL: undefined }, place, closers, say);
    const room = await furnish(url, closers, say);
    const report = await makeReports(room);
    await compare(room);
    await reconcileBills(room, command);
    await raiseAlarm(room);
    await writeFiles(report, folder, say);
    await takePictures(room, folder);
  } finally {
    await closers.close();
  }
}

/** The month before this one, lived to noon of its last day's next day. */
async function furnish(url: string, closers: Closers, say: Room["say"]): Promise<Room> {
  await migrate({ url });
  const orm = await openOrm({ url, poolMax: 6, statementTimeoutMs: Infinity });
  closers.add("database", () => closeOrm(orm));
  await seedCatalog(orm, Date.now());
  const month = dayText(daysOf("MONTHLY", dayText(dayNumber(Date.now())).slice(0, 7)).first - 1);
  const { end } = daysOf("MONTHLY", month.slice(0, 7));
  const key = { id: "demo", key: randomBytes(32) };
  const sealer = createSealer({ keys: [key], activeKeyId: key.id, indexKey: randomBytes(32) });
  const { movements } = await seedYear(orm, { ...SIZE, until: dayText(end - 1), sealer });
  say(
    `seeded    ${SIZE.members} members, ${movements} movements of quota until ${dayText(end - 1)}`,
  );
  // The clock of all that follows stands at the evening of the month's last day.
  const shiftMs = dayStartMs(end) - HOUR_MS - Date.now();
  const context = { ids: createIdSource(Math.random), timeOf: (ms: number) => ms + shiftMs };
  const reporting = { ids: context.ids, timeOf: (ms: number) => ms + shiftMs + DAY_MS / 2 };
  const reports = await openReports({
    database: { url },
    orm,
    context: reporting,
    vatBasisPoints: VAT_BASIS_POINTS,
  });
  closers.add("reports", () => reports.close());
  return { orm, sealer, context, reports, month: month.slice(0, 7), say };
}

let commands = 0;
function command<Input>(input: Input): Command<Input> {
  const idempotencyKey = `finance-demo-${(commands += 1)}`;
  return { input, idempotencyKey, caller: { name: VISITOR }, validateOnly: false };
}

async function makeReports({ reports, month, say }: Room): Promise<Report> {
  const startMs = performance.now();
  const key: ReportKey = { period: "MONTHLY", date: month };
  const { reportId } = await reports.maker.generate(command(key));
  const report = await getReport(reports.reader, reportId!);
  const days = await reports.reader.listDays(daysOf("MONTHLY", month));
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  say(`reports   ${days.length} days and ${month}, in ${seconds} s`);
  for (const id of SHOWN) {
    const { type, value } = figureOf(report.document, id);
    const shown = value === null ? "-" : readable(value, type);
    say(`          ${nameOf(id, "en").padEnd(24)} ${shown.padStart(16)} ${unitOf(type, "en")}`);
  }
  return report;
}

/** A bill that says for one service a yuan more than was metered, and has one that was not. */
async function compare({ orm, context, month, say }: Room): Promise<void> {
  const reader = createCostReader(orm);
  const books = createCostBooks(orm, context);
  const [cost] = await reader.listCosts(
    { vendor: null, userId: null, featureId: null, taskId: null, day: `${month}-28` },
    { after: null, limit: 1 },
  );
  if (cost === undefined) return say("bill      no costs to compare");
  const { vendor } = cost;
  const bring = (lines: readonly { service: string; amountMicroYuan: bigint }[]) =>
    books.importBill(
      command({
        vendor,
        month,
        contentSha256: randomBytes(32).toString("hex"),
        lines: lines.map((line) => ({ ...line, externalId: null })),
      }),
    );
  await bring([{ service: cost.service, amountMicroYuan: 0n }]);
  const metered = await compareBill(reader, { vendor, month, tolerance: 0n });
  await bring([
    ...metered.comparisons.map((row, at) => ({
      service: row.service,
      amountMicroYuan: row.metered + (at === 0 ? 1_000_000n : 0n),
    })),
    { service: "storage", amountMicroYuan: 5_000_000n },
  ]);
  const { comparisons } = await compareBill(reader, { vendor, month, tolerance: 0n });
  say(`bill      ${vendor}, ${month}: metered beside billed`);
  for (const { service, state, metered: here, billed } of comparisons) {
    const amounts = [here, billed].map((amount) => readable(amount, "MICRO_YUAN").padStart(14));
    say(`          ${service.padEnd(24)} ${amounts.join(" ")} ${state}`);
  }
}

/** A budget that the month has used up long ago, and one look at all rules. */
async function raiseAlarm({ orm, context, say }: Room): Promise<void> {
  await createAlertBooks(orm, context).setBudget(
    command({
      scope: "ALL",
      subject: "",
      amountMicroYuan: 100_000_000n,
      thresholdsPerMille: [500, 800, 1_000],
    }),
  );
  const turns = createJobTurns(orm, { job: "alert-check", owner: VISITOR, leaseMs: 60_000 });
  await turns.take(0);
  const local = { refusals: () => ({ part: 0n, whole: 0n }), expiries: () => [] };
  const facts = await createAlertFacts(orm, context, local).gather();
  await createAlertChecks(orm, context, turns).check(facts);
  const all = { state: null, ruleId: null, subject: null, severity: null };
  const reader = createAlertReader(orm, context);
  const raised = await reader.listAlerts(all, { after: null, limit: 5 });
  for (const { ruleId, subject, severity, state } of raised) {
    say(`alarm     ${ruleId} ${severity} ${state} ${subject}`);
  }
}

async function writeFiles(report: Report, folder: string, say: Room["say"]): Promise<void> {
  const wanted: readonly (readonly [ExportFormat, Language])[] = [
    ["HTML", "zh"],
    ["HTML", "en"],
    ["XLSX", "zh"],
    ["CSV", "zh"],
  ];
  for (const [format, language] of wanted) {
    const { fileName, chunks } = exportReport(report, format, language);
    const path = join(folder, fileName.replace(/\.(\w+)$/, `-${language}.$1`));
    await writeFile(path, chunks);
    say(`file      ${path}`);
  }
}

async function takePictures({ orm, context, reports, say }: Room, folder: string): Promise<void> {
  const token = randomBytes(24).toString("base64url");
  const console = await startConsole({
    host: "127.0.0.1",
    port: 0,
    admit: (given) => (given === token ? VISITOR : undefined),
    sources: {
      maker: reports.maker,
      reader: reports.reader,
      alerts: createAlertReader(orm, context),
      discrepancies: createDiscrepancyReader(orm),
    },
    now: Date.now,
    log: { debug() {}, info() {}, warn() {}, error: (_facts, text) => say(`console   ${text}`) },
  });
  try {
    for (const path of await picturesOf(console.url, token, folder)) say(`picture   ${path}`);
  } catch (error) {
    say(`picture   none: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
  } finally {
    await console.close();
  }
}
