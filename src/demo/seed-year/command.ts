/** What `npm run seed:year` does: a made-up year, straight into a migrated database. */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { shanghaiDay } from "../../billing/calendar.ts";
import { DAY_MS } from "../../billing/clock.ts";
import { databaseIn, type DatabaseAccess } from "../../config/database.ts";
import { closeOrm, openOrm } from "../../store/orm.ts";
import { createSealer } from "../../store/sealing.ts";
import { redactText } from "../../telemetry/redaction.ts";
import { FULL_YEAR, daysOf, type SeedYearSize } from "./options.ts";
import { seedYear } from "./seed-year.ts";

export interface SeedYearSurroundings {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
  readonly warn: (line: string) => void;
  /** Shows how far it is, in place of what was shown before. */
  readonly show: (line: string) => void;
}

const USAGE = `usage: npm run seed:year -- [--database-url URL] [--members 20000] [--movements 5000000] [--orders 60000]
         [--costs 3000000] [--days 365] [--seed 1] [--until YYYY-MM-DD]

Writes a made-up year into a migrated database (npm run migrate), for tests and demonstrations of reports: members,
orders, payments, refunds, quota and costs, in books that agree. The last day is yesterday unless --until names another.
DATABASE_URL and DATABASE_TLS as for the server. Never into a database that does business: ledgers keep what they
have. The numbers of payments are sealed with keys that nobody has.`;

const EXIT_OK = 0;
const EXIT_FAULT = 1;
const EXIT_USAGE = 2;
const BAR = 40;

/** @returns the exit code: 0, 1 when it could not be done, 2 for wrong words or no database */
export async function runSeedYear(surroundings: SeedYearSurroundings): Promise<number> {
  const { warn } = surroundings;
  const wanted = wantedIn(surroundings);
  if (wanted === undefined) {
    warn(USAGE);
    return EXIT_USAGE;
  }
  try {
    await seed(wanted.database, wanted.size, surroundings);
    return EXIT_OK;
  } catch (fault) {
    warn(
      redactText(
        fault instanceof Error ? `${fault.name}: ${fault.message.slice(0, 500)}` : String(fault),
      ),
    );
    return EXIT_FAULT;
  }
}

interface Wanted {
  readonly database: DatabaseAccess;
  readonly size: SeedYearSize;
}

const TEXT = { type: "string" } as const;
const NUMBERS = ["members", "movements", "orders", "costs", "days", "seed"] as const;

function wantedIn({ words, environment, warn }: SeedYearSurroundings): Wanted | undefined {
  try {
    const options = {
      "database-url": TEXT,
      until: TEXT,
      members: TEXT,
      movements: TEXT,
      orders: TEXT,
      costs: TEXT,
      days: TEXT,
      seed: TEXT,
    };
    const { values } = parseArgs({ args: [...words], options });
    const url = values["database-url"];
    const database = databaseIn(
      url === undefined ? environment : { ...environment, DATABASE_URL: url },
    );
    const numbers = Object.fromEntries(
      NUMBERS.map((name) => [name, numberOf(values[name], FULL_YEAR[name])]),
    );
    const until = values.until ?? shanghaiDay(Date.now() - DAY_MS);
    const size = { ...FULL_YEAR, ...numbers, until };
    daysOf(size);
    return database && { database, size };
  } catch (fault) {
    warn(redactText(String(fault)));
    return undefined;
  }
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new RangeError(`${text} is no whole number from 1 on`);
  return Number(text);
}

async function seed(
  database: DatabaseAccess,
  size: SeedYearSize,
  { print, show, warn }: SeedYearSurroundings,
): Promise<void> {
  const orm = await openOrm({ ...database, poolMax: 2, statementTimeoutMs: Infinity, warn });
  const startMs = performance.now();
  try {
    const key = { id: "seed-year", key: randomBytes(32) };
    const sealer = createSealer({ keys: [key], activeKeyId: key.id, indexKey: randomBytes(32) });
    const progress = (share: number) => show(barOf(share, performance.now() - startMs));
    const { days, movements } = await seedYear(orm, { ...size, sealer, progress });
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    print(
      `${days[0]!.date} … ${days.at(-1)!.date}: ${movements} movements of quota, in ${seconds} s`,
    );
  } finally {
    await closeOrm(orm);
  }
}

function barOf(share: number, tookMs: number): string {
  const done = Math.round(share * BAR);
  const leftSeconds = share > 0 ? Math.round((tookMs / share - tookMs) / 1_000) : 0;
  const percent = `${Math.floor(share * 100)} %`.padStart(5);
  return `${"█".repeat(done)}${"░".repeat(BAR - done)} ${percent}, ${leftSeconds} s left`;
}
