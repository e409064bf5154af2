/** What `npm run verify-books` does: the check of the ledgers, at once and from a shell. It only reads. */
import { databaseIn, type DatabaseAccess } from "./config/database.ts";
import { checkLedgers, LEDGER_RULES, type LedgerPage } from "./store/ledger-check.ts";
import { closeOrm, openOrm } from "./store/orm.ts";
import { redactText } from "./telemetry/redaction.ts";

export interface VerifyBooksSurroundings {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
  readonly warn: (line: string) => void;
}

const USAGE = `usage: DATABASE_URL=mysql://user:password@host:port/schema npm run verify-books

Adds all ledgers of the database up again and prints the first row that breaks each rule, with what it
should say; see docs/ledger.md. DATABASE_TLS as for the server. Ends with 0 when nothing differs, with 1
when something does, with 2 for wrong words, and with 3 when it could not be done.`;

const EXIT_FINE = 0;
const EXIT_BROKEN = 1;
const EXIT_USAGE = 2;
const EXIT_FAULT = 3;
const PROGRESS_EVERY_MS = 2_000;

/** @returns the exit code: 0 fine, 1 broken, 2 for wrong words or no database, 3 when it could not be done */
export async function runVerifyBooks(surroundings: VerifyBooksSurroundings): Promise<number> {
  const { warn } = surroundings;
  const database = databaseOf(surroundings);
  if (database === undefined) return EXIT_USAGE;
  try {
    return await verify(database, surroundings);
  } catch (fault) {
    warn(redactText(textOf(fault)));
    return EXIT_FAULT;
  }
}

function databaseOf({
  words,
  environment,
  warn,
}: VerifyBooksSurroundings): DatabaseAccess | undefined {
  try {
    const database = words.length > 0 ? undefined : databaseIn(environment);
    if (database === undefined) warn(USAGE);
    return database;
  } catch (fault) {
    warn(redactText(textOf(fault)));
    return undefined;
  }
}

function textOf(fault: unknown): string {
  return fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault);
}

async function verify(
  database: DatabaseAccess,
  { print, warn }: VerifyBooksSurroundings,
): Promise<number> {
  const orm = await openOrm({ ...database, poolMax: 1, statementTimeoutMs: Infinity, warn });
  try {
    const { rows, breaks, findings } = await checkLedgers(orm, { rest: 0, paged: progress(print) });
    print(`${LEDGER_RULES.length} rules, ${rows} rows, ${breaks} that differ`);
    const named = new Set<string>();
    for (const { rule, rowId, expected, found } of findings) {
      if (named.has(rule)) continue;
      named.add(rule);
      print(`${rule}\t${rowId}\texpected ${expected}\tfound ${found}`);
      print(`\t${LEDGER_RULES.find(({ code }) => code === rule)!.says}`);
    }
    return breaks === 0 ? EXIT_FINE : EXIT_BROKEN;
  } finally {
    await closeOrm(orm);
  }
}

/** A line when it goes on to another kind of rows, and every few seconds. */
function progress(print: (line: string) => void) {
  let scope = "";
  let rows = 0;
  let toldMs = 0;
  return (page: LedgerPage) => {
    if (page.scope !== scope) rows = 0;
    rows += page.rows;
    const nowMs = performance.now();
    if (page.scope === scope && nowMs - toldMs < PROGRESS_EVERY_MS) return;
    scope = page.scope;
    toldMs = nowMs;
    print(`${scope}: ${rows} …`);
  };
}
