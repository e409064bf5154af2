/**
 * One batch of commands in one transaction: lock the users' rows in the order of their ids, load the
 * facts, let the domain serve the commands, write the effects. The number of statements doesn't
 * depend on the number of commands.
 */
import { LockMode } from "@mikro-orm/core";
import type { EntityManager } from "@mikro-orm/mysql";
import type { PublishedFeatures } from "../billing/catalog/feature.ts";
import type { Plan } from "../billing/catalog/plan.ts";
import type { IdSource, ReservationId, UserId } from "../billing/id.ts";
import type { User } from "../billing/membership/user.ts";
import type { Account } from "../billing/quota/account.ts";
import { BatchWrites, serve, type Outcome, type Ticket } from "../billing/quota/serve.ts";
import { assert } from "../billing/refusal.ts";
import {
  featuresOf,
  loadAccounts,
  loadAnswered,
  loadOperations,
  loadReservations,
  loadSources,
  readMoment,
  type DecisionTime,
} from "./quota-facts.ts";
import { timeText, type Cell, type ColumnTypes, type HotTable, type Row } from "./cell.ts";
import { GRANTS, GRANT_COLUMNS, GRANT_KEY, lotCells, lotChange } from "./grant-rows.ts";
import { LOGS, OPERATIONS, logCells, operationCells } from "./ledger-rows.ts";
import {
  RESERVATIONS,
  RESERVATION_COLUMNS,
  RESERVATION_KEY,
  reservationCells,
  reservationChange,
} from "./reservation-rows.ts";
import {
  BALANCE_COLUMNS,
  PROFILE_COLUMNS,
  USERS,
  USER_KEY,
  balanceChange,
  profileChange,
  readUser,
  userCells,
} from "./user-rows.ts";
import { insertSql, listSql, updateSql } from "./sql.ts";
import { UserTable } from "./tables.ts";

/** What stays the same from batch to batch. */
export interface BatchContext extends DecisionTime {
  readonly ids: IdSource;
  readonly refundWindowMs: number;
  /** The catalogue in force at a revision; it is read again only when the number has changed. */
  catalogAt(em: EntityManager, revision: bigint): Promise<Catalog>;
}

export interface Catalog {
  readonly features: PublishedFeatures;
  readonly trialPlan: Plan;
}

/** How a batch takes its users' rows: the sweeper passes over users who are being served. */
export type LockWay = "wait" | "skip-locked";

/**
 * Serves a batch within the transaction of `em`, which must be READ COMMITTED: facts are read after
 * the locks were taken, and must be those of that moment.
 * @returns one outcome a ticket, in their order; undefined where its user was locked by another
 *   transaction and `way` is skip-locked
 * @throws whatever the database says; nothing of the batch has happened then
 */
export async function serveBatch(
  em: EntityManager,
  context: BatchContext,
  tickets: readonly Ticket[],
  way: LockWay,
): Promise<(Outcome | undefined)[]> {
  const located = await locate(em, tickets);
  await makeUsers(em, context, located);
  const users = await lockUsers(em, located, way);
  const { nowMs, revision } = await readMoment(em, context);
  const { features, trialPlan } = await context.catalogAt(em, revision);
  const operations = await loadOperations(em, located);
  const answered = await loadAnswered(em, operations);
  const reservations = await loadReservations(em, located);
  const featureIds = featuresOf(located, reservations);
  const accounts = await loadAccounts(em, users, reservations, featureIds, features, nowMs);
  const sources = await loadSources(em, located);
  const { ids, refundWindowMs } = context;
  const facts = {
    nowMs,
    features,
    trialPlan,
    refundWindowMs,
    ids,
    accounts,
    operations,
    answered,
    sources,
  };
  const writes = new BatchWrites();
  const skipped = way === "wait" ? new Set<UserId | undefined>() : await findSkipped(em, located, accounts);
  const outcomes = located.map((ticket) =>
    skipped.has(ticket.userId) ? undefined : serve(facts, ticket, writes),
  );
  await flush(em, accounts, writes, nowMs);
  await removeUnregistered(em, accounts);
  return outcomes;
}

/** Finds the users of the tickets that name a reservation only. Who owns one never changes. */
async function locate(em: EntityManager, tickets: readonly Ticket[]): Promise<Ticket[]> {
  const wanted = new Set<ReservationId>();
  for (const { userId, useCase, command } of tickets) {
    const { reservationId } = useCase.needs(command.input);
    if (userId === undefined && reservationId !== undefined) wanted.add(reservationId);
  }
  if (wanted.size === 0) return [...tickets];
  const sql = `select reservation_id, user_id from quota_reservations where reservation_id in (${listSql(wanted)})`;
  const owners = new Map<string, UserId>();
  for (const row of await em.execute<Row[]>(sql)) {
    owners.set(row["reservation_id"] as string, row["user_id"] as UserId);
  }
  return tickets.map((ticket) => {
    if (ticket.userId !== undefined) return ticket;
    const { reservationId } = ticket.useCase.needs(ticket.command.input);
    return { ...ticket, userId: reservationId && owners.get(reservationId) };
  });
}

/** Users to be registered get a row first, so that there is a row to lock and no race to make it. */
async function makeUsers(em: EntityManager, context: BatchContext, tickets: readonly Ticket[]) {
  const names = new Set<UserId>();
  for (const { useCase, command, userId } of tickets) {
    if (useCase.needs(command.input).createsUser) names.add(userId!);
  }
  if (names.size === 0) return;
  const { nowMs } = await readMoment(em, context);
  const rows = [...names].sort().map((userId) => userCells(newUser(userId, nowMs)));
  await em.execute(insertSql(USERS, rows).replace("insert into", "insert ignore into"), [], "run");
}

function newUser(userId: UserId, nowMs: number): User {
  return {
    userId,
    state: "NEW",
    suspendReason: "",
    planId: null,
    onTrial: false,
    membershipStartMs: null,
    membershipUntilMs: null,
    available: 0n,
    held: 0n,
    logSequence: 0n,
    createTimeMs: nowMs,
  };
}

/** A registration that was refused, or only previewed, leaves no row behind. */
async function removeUnregistered(em: EntityManager, accounts: ReadonlyMap<UserId, Account>) {
  const left = [...accounts.values()].filter(({ user }) => user.state === "NEW");
  if (left.length === 0) return;
  const names = listSql(left.map(({ user }) => user.userId));
  await em.execute(`delete from users where user_id in (${names}) and state = 'NEW'`, [], "run");
}

/** MikroORM's pessimistic lock, in the order of the ids: two batches can't wait for each other in a ring. */
async function lockUsers(em: EntityManager, tickets: readonly Ticket[], way: LockWay) {
  const names = new Set<UserId>();
  for (const { userId } of tickets) if (userId !== undefined) names.add(userId);
  if (names.size === 0) return [];
  const lockMode = way === "wait" ? LockMode.PESSIMISTIC_WRITE : LockMode.PESSIMISTIC_PARTIAL_WRITE;
  const rows = await em
    .createQueryBuilder(UserTable)
    .select("*")
    .where({ userId: { $in: [...names].sort() } })
    .orderBy({ userId: "asc" })
    .setLockMode(lockMode)
    .execute<Row[]>("all", false);
  return rows.map(readUser);
}

/** Users who are there and whose rows another transaction has locked. */
async function findSkipped(
  em: EntityManager,
  tickets: readonly Ticket[],
  accounts: ReadonlyMap<UserId, Account>,
): Promise<Set<UserId | undefined>> {
  const missing = new Set<UserId>();
  for (const { userId } of tickets) {
    if (userId !== undefined && !accounts.has(userId)) missing.add(userId);
  }
  if (missing.size === 0) return new Set();
  const sql = `select user_id from users where user_id in (${listSql(missing)})`;
  return new Set((await em.execute<Row[]>(sql)).map((row) => row["user_id"] as UserId));
}

/** Writes everything that the batch decided: one statement for the new rows of a table, one for the changed. */
async function flush(
  em: EntityManager,
  accounts: ReadonlyMap<UserId, Account>,
  writes: BatchWrites,
  nowMs: number,
): Promise<void> {
  const now = timeText(nowMs);
  const users = (ids: Iterable<UserId>) => [...ids].map((userId) => accounts.get(userId)!.user);
  const moved = writes.operations.filter(({ rows }) => rows.length > 0);
  const still = writes.operations.filter(({ rows }) => rows.length === 0);
  // The keys go first: one that another server has just used fails before anything else.
  await insert(em, LOGS, moved.flatMap(({ operation, rows }) => logCells(operation, rows, now)));
  await insert(em, OPERATIONS, still.map(({ operation }) => operationCells(operation, now)));
  await update(em, USERS, USER_KEY, BALANCE_COLUMNS, users(writes.balances).map(balanceChange));
  await update(em, USERS, USER_KEY, PROFILE_COLUMNS, users(writes.profiles).map(profileChange));
  await insert(em, GRANTS, [...writes.newLots.values()].map(lotCells));
  await update(em, GRANTS, GRANT_KEY, GRANT_COLUMNS, [...writes.changedLots.values()].map(lotChange));
  await insert(em, RESERVATIONS, [...writes.newReservations.values()].map(reservationCells));
  const changed = [...writes.changedReservations.values()].map(reservationChange);
  await update(em, RESERVATIONS, RESERVATION_KEY, RESERVATION_COLUMNS, changed);
}

type Rows = readonly (readonly Cell[])[];

async function insert(em: EntityManager, table: HotTable, rows: Rows): Promise<void> {
  if (rows.length > 0) await em.execute(insertSql(table, rows), [], "run");
}

async function update(
  em: EntityManager,
  table: HotTable,
  key: ColumnTypes,
  changed: ColumnTypes,
  rows: Rows,
): Promise<void> {
  if (rows.length === 0) return;
  const sql = updateSql(table, key, changed, rows);
  const { affectedRows } = await em.execute<{ affectedRows: number }>(sql, [], "run");
  // The rows are locked and were read in this transaction: one that is missing now is a bug.
  assert(affectedRows === rows.length, `${rows.length} rows of ${table.name} are changed`);
}
