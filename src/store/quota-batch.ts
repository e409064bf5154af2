/**
 * One batch of commands in one transaction: lock the users' rows in the order of their ids, load the
 * facts, let the domain serve the commands, write the effects. The number of statements doesn't
 * depend on the number of commands.
 */
import { LockMode } from "@mikro-orm/core";
import type { EntityManager } from "@mikro-orm/mysql";
import type { PublishedFeatures } from "../billing/catalog/feature.ts";
import type { Plan } from "../billing/catalog/plan.ts";
import type { Products } from "../billing/catalog/products.ts";
import type { IdSource, ReservationId, UserId } from "../billing/id.ts";
import type { User } from "../billing/membership/user.ts";
import type { Account } from "../billing/quota/account.ts";
import { BatchWrites, serve, type Outcome, type Ticket } from "../billing/quota/serve.ts";
import {
  featuresOf,
  loadAccounts,
  loadAnswered,
  loadDrawnLots,
  loadSources,
  momentQuestion,
  openLotsQuestion,
  operationsQuestion,
  readMoment,
  reservationsQuestion,
  type DecisionTime,
} from "./quota-facts.ts";
import { timeText, type Row } from "./cell.ts";
import { GRANTS, GRANT_COLUMNS, GRANT_KEY, lotCells, lotChange } from "./grant-rows.ts";
import { flushCampaigns, loadCampaigns } from "./campaign-facts.ts";
import { loadOrders, orderStatements } from "./order-facts.ts";
import type { Sealer } from "./sealer.ts";
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
import { inTurn, inserted, updated } from "./bulk.ts";
import { insertSql, listSql } from "./sql.ts";
import { UserTable } from "./tables.ts";
import { ask } from "./together.ts";

/** What stays the same from batch to batch. */
export interface BatchContext extends DecisionTime {
  readonly ids: IdSource;
  readonly refundWindowMs: number;
  /** Keeps the sensitive columns of orders; absent where no orders are made. */
  readonly sealer?: Sealer | undefined;
  /** Told after each commit that brought events: what waits for them needn't wait for its next poll. */
  readonly eventsCommitted?: (() => void) | undefined;
  /** The catalogue in force at a revision; it is read again only when the number has changed. */
  catalogAt(em: EntityManager, revision: bigint): Promise<Catalog>;
}

export interface Catalog {
  readonly features: PublishedFeatures;
  readonly trialPlan: Plan;
  readonly products: Products;
}

/** How a batch takes its users' rows: the sweeper passes over users who are being served. */
export type LockWay = "wait" | "skip-locked";

export interface ServedBatch {
  /**
   * One a ticket, in their order; undefined where its user, or its campaign's budget, was locked by
   * another transaction and the way was skip-locked.
   */
  readonly outcomes: readonly (Outcome | undefined)[];
  /** How many events the batch wrote. */
  readonly events: number;
}

/**
 * Serves a batch within the transaction of `em`, which must be READ COMMITTED: facts are read after
 * the locks were taken, and must be those of that moment.
 * @returns what is to be told once the transaction of `em` is committed
 * @throws whatever the database says; nothing of the batch has happened then
 */
export async function serveBatch(
  em: EntityManager,
  context: BatchContext,
  tickets: readonly Ticket[],
  way: LockWay,
): Promise<ServedBatch> {
  const located = await locate(em, tickets);
  await makeUsers(em, context, located);
  const users = await lockUsers(em, located, way);
  const { campaigns, locked } = await loadCampaigns(em, located, way);
  const [{ nowMs, revision }, operations, reservations, openLots] = await ask(em, [
    momentQuestion(context),
    operationsQuestion(located),
    reservationsQuestion(located),
    openLotsQuestion(users),
  ]);
  const { features, trialPlan, products } = await context.catalogAt(em, revision);
  const answered = await loadAnswered(em, operations);
  const lots = [...openLots, ...(await loadDrawnLots(em, reservations, openLots))];
  const featureIds = featuresOf(located, reservations);
  const accounts = await loadAccounts(em, { users, lots, reservations }, featureIds, features, nowMs);
  await loadOrders(em, located, accounts, context.sealer);
  const sources = await loadSources(em, located);
  const { ids, refundWindowMs } = context;
  const facts = {
    nowMs,
    features,
    trialPlan,
    products,
    refundWindowMs,
    ids,
    accounts,
    operations,
    answered,
    sources,
    campaigns,
  };
  const writes = new BatchWrites();
  const skipped = way === "wait" ? new Set<UserId | undefined>() : await findSkipped(em, located, accounts);
  const isSkipped = ({ userId, useCase, command }: Ticket) =>
    skipped.has(userId) || locked.has(useCase.needs(command.input).campaignId!);
  const outcomes = located.map((ticket) =>
    isSkipped(ticket) ? undefined : serve(facts, ticket, writes),
  );
  await inTurn(em, [
    ...quotaStatements(accounts, writes, nowMs),
    ...orderStatements(writes, context.sealer),
  ]);
  await flushCampaigns(em, writes, campaigns, nowMs);
  await removeUnregistered(em, accounts);
  return { outcomes, events: writes.events.length };
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
    membershipAnchorMs: null,
    membershipAnchorMonths: 0,
    membershipState: "NONE",
    membershipSteps: 0,
    expiryTold: false,
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

/** Statements for all that the batch decided of quota: one for the new rows of a table, one for the changed. */
function quotaStatements(
  accounts: ReadonlyMap<UserId, Account>,
  writes: BatchWrites,
  nowMs: number,
) {
  const now = timeText(nowMs);
  const users = (ids: Iterable<UserId>) => [...ids].map((userId) => accounts.get(userId)!.user);
  const moved = writes.operations.filter(({ rows }) => rows.length > 0);
  const still = writes.operations.filter(({ rows }) => rows.length === 0);
  const { newLots, changedLots, newReservations, changedReservations } = writes;
  return [
    // The keys go first: one that another server has just used fails before anything else.
    inserted(LOGS, moved.flatMap(({ operation, rows }) => logCells(operation, rows, now))),
    inserted(OPERATIONS, still.map(({ operation }) => operationCells(operation, now))),
    updated(USERS, USER_KEY, BALANCE_COLUMNS, users(writes.balances).map(balanceChange)),
    updated(USERS, USER_KEY, PROFILE_COLUMNS, users(writes.profiles).map(profileChange)),
    inserted(GRANTS, [...newLots.values()].map(lotCells)),
    updated(GRANTS, GRANT_KEY, GRANT_COLUMNS, [...changedLots.values()].map(lotChange)),
    inserted(RESERVATIONS, [...newReservations.values()].map(reservationCells)),
    updated(
      RESERVATIONS,
      RESERVATION_KEY,
      RESERVATION_COLUMNS,
      [...changedReservations.values()].map(reservationChange),
    ),
  ];
}
