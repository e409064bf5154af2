/** What can be read of quota without the teller: as it is committed, and nothing locked. */
import type { Feature } from "../catalog/feature.ts";
import type { FeatureId, GrantId, OperationId, ReservationId, TaskId, UserId } from "../id.ts";
import type { Balance } from "./account.ts";
import type { Desk } from "./desk.ts";
import type { Lot } from "./lot.ts";
import type { LogRow, LogType } from "./posting.ts";
import type { Reservation, ReservationState } from "./reservation.ts";

export interface QuotaReader {
  /** The reservation, or undefined. */
  findReservation(id: ReservationId): Promise<Reservation | undefined>;
  /** The users who have reservations under a task id; two are enough to know that it is ambiguous. */
  findTaskOwners(taskId: TaskId): Promise<readonly UserId[]>;
  /** Whose account a key of a method that moves quota was used for; undefined when it was not used. */
  findKeyOwner(method: string, idempotencyKey: string): Promise<UserId | undefined>;
  /** Undefined for an unknown user. One user's open lots are read, however long the log is. */
  findBalance(userId: UserId): Promise<Balance | undefined>;
  /**
   * A desk on one user's account as it is now, for decisions that are not applied (CheckQuota,
   * CheckEntitlement). Lots whose time has come are posted to it. Undefined for an unknown user.
   */
  openDesk(userId: UserId, featureId: FeatureId): Promise<Desk | undefined>;
  listReservations(filter: ReservationFilter, page: Page<ReservationKey>): Promise<Reservation[]>;
  listGrants(filter: GrantFilter, page: Page<{ readonly grantId: GrantId }>): Promise<Lot[]>;
  listLogs(filter: LogFilter, page: Page<{ readonly sequence: bigint }>): Promise<LoggedRow[]>;
  /** The version of a feature, whatever its state; undefined when there is none. */
  findFeatureVersion(featureId: FeatureId, version: number): Promise<Feature | undefined>;
  /** The named lots of a user, in draw order. */
  findGrants(userId: UserId, grantIds: readonly GrantId[]): Promise<Lot[]>;
}

/** A page by key: the rows after the key, in the order of the list. */
export interface Page<Key> {
  /** Null for the first page. */
  readonly after: Key | null;
  /** Rows wanted, from 1. */
  readonly limit: number;
}

export interface ReservationFilter {
  readonly userId: UserId | null;
  readonly taskId: TaskId | null;
  readonly featureId: FeatureId | null;
  readonly state: ReservationState | null;
  /** Only those made at least so many milliseconds ago; 0 for all. */
  readonly minAgeMs: number;
}

/**
 * With a user or a task the list runs by id, newest first; without, it is of open holds, by the end of
 * the hold and then by id.
 */
export interface ReservationKey {
  readonly expireTimeMs: number;
  readonly reservationId: ReservationId;
}

export interface GrantFilter {
  readonly userId: UserId;
  /** True: lots in every state, newest first. False: open and scheduled ones, newest first. */
  readonly includeClosed: boolean;
}

/** A user's movements. */
export interface LogFilter {
  readonly userId: UserId;
  readonly reservationId: ReservationId | null;
  readonly type: LogType | null;
  /** From this time on; null for no bound. */
  readonly startTimeMs: number | null;
  /** Before this time; null for no bound. */
  readonly endTimeMs: number | null;
  readonly order: "NEWEST_FIRST" | "OLDEST_FIRST";
}

/** A row of the log with the operation that it belongs to. */
export interface LoggedRow extends LogRow {
  readonly operationId: OperationId;
  readonly line: number;
  readonly method: string;
  readonly caller: string;
  readonly createTimeMs: number;
}
