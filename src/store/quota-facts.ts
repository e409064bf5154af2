/** The facts of a batch, read in a constant number of queries, whatever the number of commands. */
import type { EntityManager } from "@mikro-orm/mysql";
import { isLimited, type PublishedFeatures } from "../billing/catalog/feature.ts";
import type { FeatureId, ReservationId, UserId } from "../billing/id.ts";
import type { User } from "../billing/membership/user.ts";
import type { Account, Use } from "../billing/quota/account.ts";
import { reservationsIn } from "../billing/quota/answers.ts";
import type { SourceTerms } from "../billing/quota/grant-source.ts";
import type { Lot } from "../billing/quota/lot.ts";
import { DAY_WINDOW_MS, type Reservation } from "../billing/quota/reservation.ts";
import { operationKey, type StoredOperation, type Ticket } from "../billing/quota/serve.ts";
import { findSources } from "./grant-sources.ts";
import { timeText, toMs, type Row } from "./cell.ts";
import { readLot } from "./grant-rows.ts";
import { readReservation } from "./reservation-rows.ts";
import { readUser } from "./user-rows.ts";
import { readOperation } from "./ledger-rows.ts";
import { listSql, literal } from "./sql.ts";
import { ask, type Question } from "./together.ts";

/** Turns the database's time into the time of decisions: itself, except in tests of time. */
export interface DecisionTime {
  timeOf(databaseMs: number): number;
}

export interface Moment {
  readonly nowMs: number;
  readonly revision: bigint;
}

/** The database's time and the catalogue's revision; a batch asks for them when it holds its locks. */
export function momentQuestion(context: DecisionTime): Question<Moment> {
  return {
    queries: [
      "select utc_timestamp(3) as moment, revision from catalog_revisions where catalog_id = 1",
    ],
    read([row] = []) {
      if (row === undefined) throw new Error("the catalogue has no revision: the schema is incomplete");
      const nowMs = context.timeOf(toMs(row["moment"]));
      return { nowMs, revision: BigInt(row["revision"] as number) };
    },
  };
}

export async function readMoment(em: EntityManager, context: DecisionTime): Promise<Moment> {
  const [moment] = await ask<[Moment]>(em, [momentQuestion(context)]);
  return moment;
}

/** The operations that have used the tickets' keys already. */
export function operationsQuestion(
  tickets: readonly Ticket[],
): Question<Map<string, StoredOperation>> {
  const inLog = new Set<string>();
  const inOperations = new Set<string>();
  const wanted = new Set<string>();
  for (const { useCase, command } of tickets) {
    if (command.idempotencyKey === null) continue;
    inLog.add(command.idempotencyKey);
    if (useCase.alwaysLogged !== true) inOperations.add(command.idempotencyKey);
    wanted.add(operationKey(useCase.method, command.idempotencyKey));
  }
  const places = [["quota_logs", inLog] as const, ["operations", inOperations] as const];
  return {
    queries: places.flatMap(([table, keys]) =>
      keys.size === 0
        ? []
        : [
            `select method, idempotency_key, user_id, content, answer from ${table}
              where idempotency_key in (${listSql(keys)})`,
          ],
    ),
    read(...tables) {
      const operations = new Map<string, StoredOperation>();
      for (const row of tables.flat()) {
        const key = operationKey(row["method"] as string, row["idempotency_key"] as string);
        // Another method may have used the same key: that is no matter of this batch.
        if (wanted.has(key)) operations.set(key, readOperation(row));
      }
      return operations;
    },
  };
}

/** The rows of the reservations that stored answers name: a replay is rare, and costs one query more. */
export async function loadAnswered(
  em: EntityManager,
  operations: ReadonlyMap<string, StoredOperation>,
): Promise<Map<ReservationId, Reservation>> {
  const ids = new Set([...operations.values()].flatMap(({ answer }) => reservationsIn(answer)));
  if (ids.size === 0) return new Map();
  const sql = `select * from quota_reservations where reservation_id in (${listSql(ids)})`;
  const found = (await em.execute<Row[]>(sql)).map(readReservation);
  return new Map(found.map((reservation) => [reservation.reservationId, reservation]));
}

/** One account as it is committed, not locked, for a look that changes nothing. */
export async function loadAccount(
  em: EntityManager,
  userId: UserId,
  featureId: FeatureId | undefined,
  features: PublishedFeatures,
  nowMs: number,
): Promise<Account | undefined> {
  const rows = await em.execute<Row[]>(`select * from users where user_id = ${literal(userId)}`);
  const users = rows.map(readUser);
  const [lots] = await ask<[Lot[]]>(em, [openLotsQuestion(users)]);
  const ids = featureId === undefined ? [] : [featureId];
  const found = { users, lots, reservations: [] };
  return (await loadAccounts(em, found, ids, features, nowMs)).get(userId);
}

/** The locked users' accounts, each with what the commands on it need. */
export async function loadAccounts(
  em: EntityManager,
  found: {
    readonly users: readonly User[];
    readonly lots: readonly Lot[];
    readonly reservations: readonly Reservation[];
  },
  featureIds: Iterable<FeatureId>,
  features: PublishedFeatures,
  nowMs: number,
): Promise<Map<UserId, Account>> {
  const { users, lots, reservations } = found;
  const accounts = new Map<UserId, Account>();
  if (users.length === 0) return accounts;
  for (const user of users) {
    accounts.set(user.userId, {
      user,
      lots: [],
      reservations: new Map(),
      uses: new Map(),
      access: new Set(),
      orders: new Map(),
      openOrders: 0,
    });
  }
  for (const lot of lots) accounts.get(lot.userId)?.lots.push(lot);
  for (const reservation of reservations) {
    accounts.get(reservation.userId)?.reservations.set(reservation.reservationId, reservation);
  }
  const { limited, restricted } = whatToLoad(featureIds, features);
  await loadUses(em, accounts, limited, nowMs);
  await loadAccess(em, accounts, restricted);
  return accounts;
}

/** The reservations that the tickets name, by id or by task. */
export function reservationsQuestion(tickets: readonly Ticket[]): Question<Reservation[]> {
  const ids = new Set<string>();
  const tasks = new Set<string>();
  for (const { useCase, command } of tickets) {
    const { reservationId, taskId } = useCase.needs(command.input);
    if (reservationId !== undefined) ids.add(reservationId);
    if (taskId !== undefined) tasks.add(taskId);
  }
  const named = [["reservation_id", ids] as const, ["task_id", tasks] as const];
  return {
    queries: named.flatMap(([column, values]) =>
      values.size === 0
        ? []
        : [`select * from quota_reservations where ${column} in (${listSql(values)})`],
    ),
    read: (...tables) => tables.flat().map(readReservation),
  };
}

/** Lots that can be drawn from, or will be. */
export function openLotsQuestion(users: readonly User[]): Question<Lot[]> {
  const names = users.map(({ userId }) => userId);
  return {
    queries:
      names.length === 0
        ? []
        : [
            `select * from quota_grants where user_id in (${listSql(names)}) and state in ('OPEN','SCHEDULED')`,
          ],
    read: (rows = []) => rows.map(readLot),
  };
}

/** Lots to which the named reservations would give back, and which aren't open any more. */
export async function loadDrawnLots(
  em: EntityManager,
  reservations: readonly Reservation[],
  open: readonly Lot[],
): Promise<Lot[]> {
  const known = new Set(open.map(({ grantId }) => grantId));
  const drawn = new Set<string>();
  const users = new Set<string>();
  for (const { userId, allocations } of reservations) {
    for (const { grantId } of allocations) {
      if (known.has(grantId)) continue;
      drawn.add(grantId);
      users.add(userId);
    }
  }
  if (drawn.size === 0) return [];
  const sql = `select * from quota_grants where user_id in (${listSql(users)}) and grant_id in (${listSql(drawn)})`;
  return (await em.execute<Row[]>(sql)).map(readLot);
}

/** The features that the tickets are about. */
export function featuresOf(tickets: readonly Ticket[], reservations: readonly Reservation[]) {
  const ids = new Set<FeatureId>(reservations.map(({ featureId }) => featureId));
  for (const { useCase, command } of tickets) {
    for (const featureId of useCase.needs(command.input).featureIds ?? []) ids.add(featureId);
  }
  return ids;
}

/** Features whose uses have to be counted, and those whose list has to be asked. */
function whatToLoad(featureIds: Iterable<FeatureId>, features: PublishedFeatures) {
  const limited: FeatureId[] = [];
  const restricted: FeatureId[] = [];
  for (const featureId of featureIds) {
    const feature = features.find(featureId);
    if (feature === undefined || feature === "unpublished") continue;
    if (isLimited(feature)) limited.push(featureId);
    if (feature.accessScope !== "MEMBER") restricted.push(featureId);
  }
  return { limited, restricted };
}

/** Uses of limited features within the last day: no window is longer, and no open hold is older. */
async function loadUses(
  em: EntityManager,
  accounts: ReadonlyMap<UserId, Account>,
  limited: readonly FeatureId[],
  nowMs: number,
): Promise<void> {
  if (limited.length === 0) return;
  for (const account of accounts.values()) {
    for (const featureId of limited) account.uses.set(featureId, []);
  }
  const since = literal(timeText(nowMs - DAY_WINDOW_MS));
  const sql = `select reservation_id, user_id, feature_id, quantity, state, counts_for_limits, create_time, expire_time
    from quota_reservations force index (quota_reservations_use)
    where user_id in (${listSql(accounts.keys())}) and feature_id in (${listSql(limited)})
      and create_time >= ${since}`;
  for (const row of await em.execute<Row[]>(sql)) {
    const use: Use = {
      reservationId: row["reservation_id"] as ReservationId,
      startMs: toMs(row["create_time"]),
      quantity: Number(row["quantity"]),
      heldUntilMs: row["state"] === "HELD" ? toMs(row["expire_time"]) : null,
      counts: Boolean(row["counts_for_limits"]),
    };
    accounts.get(row["user_id"] as UserId)?.uses.get(row["feature_id"] as FeatureId)?.push(use);
  }
}

async function loadAccess(
  em: EntityManager,
  accounts: ReadonlyMap<UserId, Account>,
  restricted: readonly FeatureId[],
): Promise<void> {
  if (restricted.length === 0) return;
  const sql = `select user_id, feature_id from feature_access
    where user_id in (${listSql(accounts.keys())}) and feature_id in (${listSql(restricted)})`;
  for (const row of await em.execute<Row[]>(sql)) {
    accounts.get(row["user_id"] as UserId)?.access.add(row["feature_id"] as FeatureId);
  }
}

/** What the sources named by the tickets' grants have to give. */
export async function loadSources(
  em: EntityManager,
  tickets: readonly Ticket[],
): Promise<Map<string, SourceTerms>> {
  const named = tickets.flatMap(({ useCase, command }) => useCase.needs(command.input).source ?? []);
  return named.length === 0 ? new Map() : findSources(em, named);
}
