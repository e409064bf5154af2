/**
 * `--finance`: a whole year of business, and what finance asks of it: reports by day, month and year, bills of ten
 * thousand lines, and what a pipeline notices of it while it reserves.
 */
import { randomBytes } from "node:crypto";
import { credentials, Metadata } from "@grpc/grpc-js";
import type { MikroORM } from "@mikro-orm/mysql";
import { shanghaiDay } from "../src/billing/calendar.ts";
import { DAY_MS } from "../src/billing/clock.ts";
import { createIdSource } from "../src/billing/id.ts";
import { checkBill, checkFlow, type BillParts } from "../src/billing/order/check-bill.ts";
import { Period } from "../src/gen/billing/report/v1/report.ts";
import {
  GenerateReportRequest,
  ReportServiceClient,
} from "../src/gen/billing/report/v1/report_service.ts";
import { daysOf, FULL_YEAR, type SeedDay } from "../src/demo/seed-year/options.ts";
import { seedYear } from "../src/demo/seed-year/seed-year.ts";
import { createBillBooks } from "../src/store/bill-books.ts";
import { closeOrm, openOrm } from "../src/store/orm.ts";
import { createSealer } from "../src/store/sealing.ts";
import { billsOf, bookPayments, BILL_PAYMENTS } from "./bills.ts";
import { startService } from "./contenders.ts";
import { SPREAD_USERS } from "./options.ts";
import { memoryOf } from "./process-usage.ts";
import { requireDisk } from "./place.ts";
import { run, type Run } from "./runs.ts";
import { seedMembers } from "./seed-members.ts";
import { makeSchema } from "./seed.ts";
import type { Stage } from "./stage.ts";
import { median } from "./statistics.ts";
import { markdownTable } from "./table.ts";

const SCHEMA = "finance";
/** A year in full with its indexes, and the redo and binary logs of writing it. */
const YEAR_GIB = 14;
const DEADLINE_MS = 600_000;
/** What belongs to the server's own time, and would make reports beside those that are measured. */
const QUIET = {
  REPORT_TIME: "never",
  ALERT_CHECK_INTERVAL_SECONDS: "0",
  LEDGER_CHECK_INTERVAL_SECONDS: "0",
};
const MOST_SECONDS = { day: 2, month: 10, year: 20, bill: 5 };
const RESERVE_LEAST = 0.8;

interface Row {
  readonly what: string;
  readonly seconds: readonly number[];
  readonly most?: number;
}

export async function finance(stage: Stage): Promise<string[]> {
  const { place, scene, say } = stage;
  const { database, options } = scene;
  const share = options.yearPercent / 100;
  await requireDisk(place, YEAR_GIB * share + 2, "--finance");
  const url = await makeSchema(database, SCHEMA);
  const orm = await openOrm({ url, poolMax: 6, statementTimeoutMs: Infinity });
  place.closers.add("finance", () => closeOrm(orm));
  const key = { id: "bench", key: randomBytes(32) };
  const sealer = createSealer({ keys: [key], activeKeyId: key.id, indexKey: randomBytes(32) });
  const size = sizeOf(share);
  const seeding = await timed(() => seedYear(orm, { ...size, sealer }));
  say(`finance: ${size.movements} movements and ${size.costs} costs in ${seeding.toFixed(0)} s`);
  await seedMembers(database, SCHEMA, SPREAD_USERS, 1);
  const server = await startService(stage, url, { environment: QUIET });
  const make = reporter(server.address, scene.token);
  const days = daysOf(size);
  const rows = await reports(days, make, say);
  const peakMib = memoryOf(server.pid).peakKib / 1_024;
  const bills = await compareBills(orm, sealer, days[0]!);
  const loads = await beside(stage, { server, schema: SCHEMA }, days, make);
  await server.stop();
  return [
    ...timeTable([...rows, ...bills]),
    "",
    `The server took ${peakMib.toFixed(0)} MiB at most while it made the reports.`,
    "",
    ...loadTable(loads),
  ];
}

function sizeOf(share: number) {
  const part = (whole: number) => Math.max(1, Math.round(whole * share));
  const { members, movements, orders, costs } = FULL_YEAR;
  return {
    ...FULL_YEAR,
    members: part(members),
    movements: part(movements),
    orders: part(orders),
    costs: part(costs),
    until: shanghaiDay(Date.now() - DAY_MS),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1_000;
}

type Make = (period: Period, date: string, validateOnly: boolean) => Promise<number>;

/** Asks the server for reports, as finance does. */
function reporter(address: string, token: string): Make {
  const client = new ReportServiceClient(address, credentials.createInsecure());
  const headers = new Metadata();
  headers.set("authorization", `Bearer ${token}`);
  let requests = 0;
  return (period, date, validateOnly) =>
    timed(
      () =>
        new Promise<void>((resolve, reject) => {
          const idempotencyKey = `bench-report-${(requests += 1)}`;
          const request = GenerateReportRequest.fromPartial({
            idempotencyKey,
            period,
            date,
            validateOnly,
          });
          const deadline = Date.now() + DEADLINE_MS;
          client.generateReport(request, headers, { deadline }, (error) =>
            error === null ? resolve() : reject(error),
          );
        }),
    );
}

/** Every day once, in their order; then the months and years, which are made of them. */
async function reports(days: readonly SeedDay[], make: Make, say: Stage["say"]): Promise<Row[]> {
  const dates = days.map(({ date }) => date);
  const each = async (period: Period, names: readonly string[]) => {
    // Days before the company's first have no report yet: what is made of stored days is told.
    if (period !== Period.DAILY) for (const name of names) await make(period, name, false);
    const seconds: number[] = [];
    for (const name of names) seconds.push(await make(period, name, false));
    const worst = seconds.indexOf(Math.max(...seconds));
    say(`finance: ${names[worst]} took longest, ${seconds[worst]!.toFixed(2)} s`);
    say(`finance: ${names.length} reports in ${seconds.reduce((a, b) => a + b, 0).toFixed(0)} s`);
    return seconds;
  };
  const heads = (length: number) => [...new Set(dates.map((date) => date.slice(0, length)))];
  return [
    { what: "a day's report", seconds: await each(Period.DAILY, dates), most: MOST_SECONDS.day },
    {
      what: "a month's report, from stored days",
      seconds: await each(Period.MONTHLY, heads(7)),
      most: MOST_SECONDS.month,
    },
    {
      what: "a year's report, from stored days",
      seconds: await each(Period.YEARLY, heads(4)),
      most: MOST_SECONDS.year,
    },
  ];
}

/** Bills of a day with so many payments, read from their text, compared and written down, then once more. */
async function compareBills(
  orm: MikroORM,
  sealer: ReturnType<typeof createSealer>,
  day: SeedDay,
): Promise<Row[]> {
  const payments = await bookPayments(orm, sealer, day.startMs);
  const context = { ids: createIdSource(Math.random), timeOf: (ms: number) => ms };
  const books = createBillBooks(orm, context, sealer);
  // Nothing is asked: the books agree with the bills.
  const parts = { books, source: billsOf(payments) } as unknown as BillParts;
  const compare = async (what: string, check: typeof checkBill): Promise<Row> => {
    const once = () =>
      timed(async () => {
        const outcome = await check(parts, day.date);
        if (outcome.kind !== "checked" || outcome.findings.length > 0) {
          throw new Error(`the ${what} should agree with the books`);
        }
      });
    return { what, seconds: [await once(), await once()], most: MOST_SECONDS.bill };
  };
  const lines = BILL_PAYMENTS.toLocaleString("en");
  return [
    await compare(`a trade bill of ${lines} lines`, checkBill),
    await compare(
      `a fund-flow bill of ${(2 * BILL_PAYMENTS).toLocaleString("en")} lines`,
      checkFlow,
    ),
  ];
}

interface Loads {
  readonly alone: readonly Run[];
  readonly besideReports: readonly Run[];
}

/** Reservations alone and beside reports that are made one after the other, in turns. */
async function beside(
  { scene, say }: Stage,
  target: Parameters<typeof run>[1],
  days: readonly SeedDay[],
  make: Make,
): Promise<Loads> {
  const shape = { kind: "reserve", users: SPREAD_USERS } as const;
  const loads = { alone: [] as Run[], besideReports: [] as Run[] };
  for (let round = 0; round <= scene.options.rounds; round++) {
    const alone = await run(scene, target, shape);
    const over = new AbortController();
    const making = makeUntil(over.signal, days, make);
    const besideReports = await run(scene, target, shape);
    over.abort();
    const made = await making;
    const ratio = besideReports.perSecond / alone.perSecond;
    say(
      `finance, round ${round}: ${alone.perSecond.toFixed(0)}/s alone, ${ratio.toFixed(2)} of it beside ${made} reports`,
    );
    // The first round only warms up.
    if (round === 0) continue;
    loads.alone.push(alone);
    loads.besideReports.push(besideReports);
  }
  return loads;
}

/** One report after the other, of days far apart. @returns how many were made */
async function makeUntil(over: AbortSignal, days: readonly SeedDay[], make: Make): Promise<number> {
  let made = 0;
  while (!over.aborted) {
    await make(Period.DAILY, days[(made * 37) % days.length]!.date, true);
    made += 1;
  }
  return made;
}

function timeTable(rows: readonly Row[]): string[] {
  return markdownTable(
    ["what", "times", "median s", "worst s", "verdict"],
    rows.map(({ what, seconds, most }) => {
      const worst = Math.max(...seconds);
      const verdict =
        most === undefined ? "" : `${worst <= most ? "reached" : "missed"} (≤ ${most} s)`;
      return [what, String(seconds.length), median(seconds).toFixed(2), worst.toFixed(2), verdict];
    }),
  );
}

function loadTable({ alone, besideReports }: Loads): string[] {
  const ratio = median(besideReports.map((one, at) => one.perSecond / alone[at]!.perSecond));
  const verdict = `${ratio >= RESERVE_LEAST ? "reached" : "missed"} (≥ ${RESERVE_LEAST})`;
  const cells = (name: string, runs: readonly Run[], said: readonly string[]) => [
    name,
    median(runs.map(({ perSecond }) => perSecond)).toFixed(0),
    ...said,
    median(runs.map(({ p50Ms }) => p50Ms)).toFixed(1),
    median(runs.map(({ p99Ms }) => p99Ms)).toFixed(1),
    `${(median(runs.map(({ othersShare }) => othersShare)) * 100).toFixed(0)} %`,
  ];
  return markdownTable(
    ["load", "per second", "ratio", "verdict", "p50 ms", "p99 ms", "others' CPU"],
    [
      cells("reserve, spread", alone, ["1", ""]),
      cells("the same while reports are made", besideReports, [ratio.toFixed(2), verdict]),
    ],
  );
}
