/**
 * The check of the ledgers: every balance, lot, reservation, order, membership and budget is computed again from
 * what it came from. Page by page, each in a transaction of its own that only reads, with one snapshot for
 * all rules: what is being changed meanwhile is seen before or after its commit, never halfway.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { IsolationLevel } from "@mikro-orm/core";
import type { EntityManager, MikroORM } from "@mikro-orm/mysql";
import { ruleSql, type KeyRange, type LedgerRule, type LedgerScope } from "./ledger-rule.ts";
import { BALANCE_RULES } from "./ledger-rules-balance.ts";
import { CAMPAIGN_RULES, EVENT_RULES } from "./ledger-rules-campaigns.ts";
import { LOT_RULES } from "./ledger-rules-lots.ts";
import { MEMBERSHIP_RULES } from "./ledger-rules-membership.ts";
import { ORDER_RULES } from "./ledger-rules-orders.ts";
import { REFUND_RULES } from "./ledger-rules-refunds.ts";
import { RESERVATION_RULES } from "./ledger-rules-reservations.ts";
import type { Row } from "./cell.ts";
import { literal } from "./sql.ts";
import { reading } from "./transaction.ts";

/** All of them, in the order of their codes. */
export const LEDGER_RULES: readonly LedgerRule[] = [
  ...BALANCE_RULES,
  ...LOT_RULES,
  ...RESERVATION_RULES,
  ...MEMBERSHIP_RULES,
  ...ORDER_RULES,
  ...REFUND_RULES,
  ...CAMPAIGN_RULES,
  ...EVENT_RULES,
];

/** A row that breaks a rule. */
export interface LedgerBreak {
  /** The rule's code. */
  readonly rule: string;
  /** The row: its key, or what names it among its kind. */
  readonly rowId: string;
  readonly expected: string;
  readonly found: string;
}

export interface LedgerOutcome {
  /** Users, orders, refunds, campaigns and events that were looked at. */
  readonly rows: number;
  /** How many rows break a rule; of a rule and a page at most BREAKS_MAX are counted. */
  readonly breaks: number;
  /** The first of each rule, KEPT_MAX at most. */
  readonly findings: readonly LedgerBreak[];
}

export interface LedgerCheckOptions {
  /** How long it rests after each page, as a multiple of what the page took; 0: not at all. */
  readonly rest: number;
  /** What one page may bear; smaller for tests. */
  readonly pageMax?: number;
  readonly signal?: AbortSignal;
  /** Told of each page when it is done, with what is new in it, before the next is begun. */
  readonly paged?: (page: LedgerPage) => Promise<void> | void;
}

export interface LedgerPage {
  readonly scope: LedgerScope;
  readonly rows: number;
  readonly breaks: readonly LedgerBreak[];
}

/** Of a rule and a page. */
const BREAKS_MAX = 100;
/** Of a rule. */
const KEPT_MAX = 3;
/** Keys of one page. */
const PAGE_MAX = 500;
/** Rows of the log behind the keys of one page: a busy user makes a page alone. */
const WEIGHT_MAX = 20_000;
/** A user's weight is the length of the log; other keys have a handful of rows each, and campaigns many. */
const KEYS: readonly {
  readonly scope: LedgerScope;
  readonly key: string;
  readonly weight: string;
}[] = [
  { scope: "users", key: "user_id", weight: "log_sequence" },
  { scope: "orders", key: "order_id", weight: "steps" },
  { scope: "refunds", key: "refund_id", weight: "steps" },
  { scope: "campaigns", key: "campaign_id", weight: "1000" },
  { scope: "events", key: "event_id", weight: "1" },
];
const TABLE_OF: Readonly<Record<LedgerScope, string>> = {
  users: "users",
  orders: "orders",
  refunds: "refunds",
  campaigns: "campaign_budgets",
  events: "outbox_events",
};

/** @throws as reading; the reason of the signal when it was given up */
export async function checkLedgers(
  orm: MikroORM,
  options: LedgerCheckOptions,
): Promise<LedgerOutcome> {
  const kept = new Map<string, LedgerBreak[]>();
  let rows = 0;
  let breaks = 0;
  for (const { scope, key, weight } of KEYS) {
    const sql = (after: string, limit: number) =>
      `select ${key} as row_id, ${weight} as weight from ${TABLE_OF[scope]}
        where ${key} > ${literal(after)} order by ${key} limit ${limit}`;
    let after: string | null = "";
    while (after !== null) {
      options.signal?.throwIfAborted();
      const began = performance.now();
      const from: string = after;
      const page = await reading(orm, (em) => checkPage(em, scope, from, sql, options), options);
      rows += page.rows;
      breaks += page.breaks.length;
      for (const each of page.breaks) keep(kept, each);
      await options.paged?.(page);
      after = page.last;
      await rest(options, performance.now() - began);
    }
  }
  const findings = [...kept.entries()].sort(([left], [right]) => (left < right ? -1 : 1));
  return { rows, breaks, findings: findings.flatMap(([, first]) => first) };
}

function keep(kept: Map<string, LedgerBreak[]>, each: LedgerBreak): void {
  const known = kept.get(each.rule);
  if (known === undefined) kept.set(each.rule, [each]);
  else if (known.length < KEPT_MAX) known.push(each);
}

async function rest({ rest: share, signal }: LedgerCheckOptions, tookMs: number): Promise<void> {
  if (share <= 0) return;
  await sleep(tookMs * share, undefined, { signal });
}

/** One page under one snapshot, which its first statement takes. */
function checkPage(
  em: EntityManager,
  scope: LedgerScope,
  after: string,
  keysSql: (after: string, limit: number) => string,
  { pageMax = PAGE_MAX }: LedgerCheckOptions,
): Promise<LedgerPage & { readonly last: string | null }> {
  return em.transactional(
    async (snapshot) => {
      const keys = await snapshot.execute<Row[]>(keysSql(after, pageMax));
      const taken = countWithin(keys);
      const isLast = taken === keys.length && keys.length < pageMax;
      const last = isLast ? null : String(keys[taken - 1]!["row_id"]);
      const breaks: LedgerBreak[] = [];
      for (const rule of LEDGER_RULES) {
        if (rule.scope !== scope) continue;
        breaks.push(...(await breaksOf(snapshot, rule, { after, last })));
      }
      return { scope, rows: taken, breaks, last };
    },
    { isolationLevel: IsolationLevel.REPEATABLE_READ, readOnly: true },
  );
}

/** How many keys make a page: the first always, further ones within its weight. */
function countWithin(keys: readonly Row[]): number {
  let weight = 0;
  for (const [at, row] of keys.entries()) {
    weight += Number(row["weight"]);
    if (at > 0 && weight > WEIGHT_MAX) return at;
  }
  return keys.length;
}

async function breaksOf(
  em: EntityManager,
  rule: LedgerRule,
  range: KeyRange,
): Promise<LedgerBreak[]> {
  const rows = await em.execute<Row[]>(ruleSql(rule, range, BREAKS_MAX));
  return rows.map((row) => ({
    rule: rule.code,
    rowId: String(row["row_id"]),
    expected: String(row["expected"]),
    found: String(row["found"]),
  }));
}
