/** The list requests of QuotaService: their filters, and the keys of their pages. */
import type { GrantId, ReservationId } from "../billing/id.ts";
import type {
  GrantFilter,
  LogFilter,
  ReservationFilter,
  ReservationKey,
} from "../billing/quota/reader.ts";
import type {
  ListGrantsRequest,
  ListQuotaLogsRequest,
  ListReservationsRequest,
} from "../gen/billing/quota/v1/quota_service.ts";
import { LOG_TYPES, RESERVATION_STATES } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import { readPage, type ListKey, type PageRequest } from "./page-token.ts";
import { AGE_MAX_MS } from "./parse-quota.ts";

/** A list request: which rows, and which page of them. */
export interface ListRequest<Filter, Key> {
  readonly filter: Filter;
  readonly paging: PageRequest<Key>;
}

const WHOLE_NUMBER = /^\d{1,18}$/;

const RESERVATIONS: ListKey<ReservationKey> = {
  list: "ListReservations",
  write: ({ expireTimeMs, reservationId }) => [String(expireTimeMs), reservationId],
  read: ([expireTime, reservationId]) => {
    const expireTimeMs = wholeNumber(expireTime);
    return expireTimeMs === undefined || reservationId === undefined
      ? undefined
      : { expireTimeMs: Number(expireTimeMs), reservationId: reservationId as ReservationId };
  },
};

const GRANTS: ListKey<{ readonly grantId: GrantId }> = {
  list: "ListGrants",
  write: ({ grantId }) => [grantId],
  read: ([grantId]) => (grantId === undefined ? undefined : { grantId: grantId as GrantId }),
};

const LOGS: ListKey<{ readonly sequence: bigint }> = {
  list: "ListQuotaLogs",
  write: ({ sequence }) => [sequence.toString()],
  read: ([text]) => {
    const sequence = wholeNumber(text);
    return sequence === undefined ? undefined : { sequence };
  },
};

function wholeNumber(text: string | undefined): bigint | undefined {
  return text !== undefined && WHOLE_NUMBER.test(text) ? BigInt(text) : undefined;
}

export function parseListReservations(
  request: ListReservationsRequest,
): ListRequest<ReservationFilter, ReservationKey> {
  const check = new FieldCheck();
  const state = check.optionalOneOf("state", RESERVATION_STATES, request.state);
  const isOfOpenHolds = request.userId === "" && request.taskId === "";
  if (isOfOpenHolds && state !== null && state !== "HELD") {
    check.refuse(
      "state",
      "must be STATE_HELD or left out where neither user_id nor task_id is given",
    );
  }
  const filter = {
    userId: ifGiven(request.userId, (id) => check.userId("user_id", id)),
    taskId: ifGiven(request.taskId, (id) => check.taskId("task_id", id)),
    featureId: ifGiven(request.featureId, (id) => check.featureId("feature_id", id)),
    state: isOfOpenHolds ? ("HELD" as const) : state,
    minAgeMs: check.durationMs("min_age", request.minAge, { min: 0, max: AGE_MAX_MS }, 0),
  };
  const paging = readPage(check, request, RESERVATIONS, filter);
  check.done();
  return { filter, paging };
}

export function parseListGrants(
  request: ListGrantsRequest,
): ListRequest<GrantFilter, { readonly grantId: GrantId }> {
  const check = new FieldCheck();
  const filter = {
    userId: check.userId("user_id", request.userId),
    includeClosed: request.includeClosed,
  };
  const paging = readPage(check, request, GRANTS, filter);
  check.done();
  return { filter, paging };
}

export function parseListLogs(
  request: ListQuotaLogsRequest,
): ListRequest<LogFilter, { readonly sequence: bigint }> {
  const check = new FieldCheck();
  const filter = {
    userId: check.userId("user_id", request.userId),
    reservationId: ifGiven(request.reservationId, (id) =>
      check.reservationId("reservation_id", id),
    ),
    type: check.optionalOneOf("type", LOG_TYPES, request.type),
    startTimeMs: check.timeMs("start_time", request.startTime),
    endTimeMs: check.timeMs("end_time", request.endTime),
    order: "NEWEST_FIRST" as const,
  };
  const paging = readPage(check, request, LOGS, filter);
  check.done();
  return { filter, paging };
}
