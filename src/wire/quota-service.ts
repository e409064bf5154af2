/** QuotaService: each handler parses, calls one use case, and renders its answer. */
import { checkQuota } from "../billing/quota/check-quota.ts";
import { commitQuota } from "../billing/quota/commit-quota.ts";
import { explainReservation } from "../billing/quota/explain-reservation.ts";
import { extendReservation } from "../billing/quota/extend-reservation.ts";
import { getBalance } from "../billing/quota/get-balance.ts";
import { getReservation } from "../billing/quota/get-reservation.ts";
import { grantQuota } from "../billing/quota/grant-quota.ts";
import type { QuotaReader } from "../billing/quota/reader.ts";
import { addressRefund } from "../billing/quota/refund-address.ts";
import { refundQuota } from "../billing/quota/refund-quota.ts";
import { batchReserveQuota, reserveQuota } from "../billing/quota/reserve-quota.ts";
import type { Teller } from "../billing/quota/teller.ts";
import type * as wire from "../gen/billing/quota/v1/quota_service.ts";
import type { Handle } from "./call.ts";
import { parseListGrants, parseListLogs, parseListReservations } from "./list-quota.ts";
import * as parse from "./parse-quota.ts";
import * as render from "./render-quota.ts";

export interface QuotaParts {
  readonly teller: Teller;
  readonly reader: QuotaReader;
}

/**
 * The operations that a stream can carry too; `prefix` is where the request stands in its message.
 */
export interface QuotaOperations {
  readonly reserve: Operation<wire.ReserveQuotaRequest, wire.ReserveQuotaResponse>;
  readonly commit: Operation<wire.CommitQuotaRequest, wire.CommitQuotaResponse>;
  readonly refund: Operation<wire.RefundQuotaRequest, wire.RefundQuotaResponse>;
}

type Operation<Request, Response> = (
  ...given: [...Parameters<Handle<Request, Response>>, prefix?: string]
) => Promise<Response>;

export function quotaOperations({ teller, reader }: QuotaParts): QuotaOperations {
  return {
    async reserve(request, { caller, signal }, prefix) {
      const command = parse.parseReserve(request, caller, prefix);
      return render.settled(
        await teller.submit(reserveQuota, command, command.input.userId, signal),
      );
    },
    async commit(request, { caller, signal }, prefix) {
      const command = parse.parseCommit(request, caller, prefix);
      return render.settled(await teller.submit(commitQuota, command, undefined, signal));
    },
    async refund(request, { caller, signal }, prefix) {
      const asked = parse.parseRefund(request, caller, prefix);
      const { input, userId } = await addressRefund(reader, asked.input, asked.idempotencyKey);
      const command = { ...asked, input };
      return render.refunded(await teller.submit(refundQuota, command, userId, signal));
    },
  };
}

/** The handlers of QuotaService, ProcessQuota apart. */
export function quotaHandlers(parts: QuotaParts) {
  const { reserve, commit, refund } = quotaOperations(parts);
  return {
    reserveQuota: reserve,
    commitQuota: commit,
    refundQuota: refund,
    ...otherCommands(parts),
    ...reads(parts),
    ...lists(parts),
  };
}

function otherCommands({ teller }: QuotaParts) {
  const batchReserve: Handle<
    wire.BatchReserveQuotaRequest,
    wire.BatchReserveQuotaResponse
  > = async (request, { caller, signal }) => {
    const command = parse.parseBatchReserve(request, caller);
    const { userId } = command.input;
    return render.batch(userId, await teller.submit(batchReserveQuota, command, userId, signal));
  };
  const extend: Handle<wire.ExtendReservationRequest, wire.ExtendReservationResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseExtend(request, caller);
    const { answer, replayed } = await teller.submit(extendReservation, command, undefined, signal);
    return { reservation: render.reservation(answer.reservation), replayed };
  };
  const grant: Handle<wire.GrantQuotaRequest, wire.GrantQuotaResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = parse.parseGrant(request, caller);
    const { userId } = command.input;
    const { answer, replayed } = await teller.submit(grantQuota, command, userId, signal);
    const { lot, balance } = answer;
    return { grant: render.grant(lot), balance: render.balance(userId, balance), replayed };
  };
  return { batchReserveQuota: batchReserve, extendReservation: extend, grantQuota: grant };
}

function reads({ reader }: QuotaParts) {
  const get: Handle<wire.GetReservationRequest, wire.GetReservationResponse> = async (request) => {
    const found = await getReservation(reader, parse.parseReservationId(request));
    return { reservation: render.reservation(found) };
  };
  const balance: Handle<wire.GetBalanceRequest, wire.GetBalanceResponse> = async (request) => {
    const userId = parse.parseUserId(request);
    return { balance: render.balance(userId, await getBalance(reader, userId)) };
  };
  const check: Handle<wire.CheckQuotaRequest, wire.CheckQuotaResponse> = async (request) => {
    const input = parse.parseCheck(request);
    const { requiredAmount, refusals, balance: has } = await checkQuota(reader, input);
    return {
      allowed: refusals.length === 0,
      requiredAmount,
      refusals: refusals.map(render.refusalDetail),
      balance: has === null ? undefined : render.balance(input.userId, has),
    };
  };
  const explain: Handle<wire.ExplainReservationRequest, wire.ExplainReservationResponse> = async (
    request,
  ) => render.explained(await explainReservation(reader, parse.parseReservationId(request)));
  return {
    getReservation: get,
    getBalance: balance,
    checkQuota: check,
    explainReservation: explain,
  };
}

function lists({ reader }: QuotaParts) {
  const reservations: Handle<wire.ListReservationsRequest, wire.ListReservationsResponse> = async (
    request,
  ) => {
    const { filter, paging } = parseListReservations(request);
    const found = await reader.listReservations(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { reservations: rows.map(render.reservation), nextPageToken };
  };
  const grants: Handle<wire.ListGrantsRequest, wire.ListGrantsResponse> = async (request) => {
    const { filter, paging } = parseListGrants(request);
    const { rows, nextPageToken } = paging.split(
      await reader.listGrants(filter, paging.page),
      (row) => row,
    );
    return { grants: rows.map(render.grant), nextPageToken };
  };
  const logs: Handle<wire.ListQuotaLogsRequest, wire.ListQuotaLogsResponse> = async (request) => {
    const { filter, paging } = parseListLogs(request);
    const { rows, nextPageToken } = paging.split(
      await reader.listLogs(filter, paging.page),
      (row) => row,
    );
    return { logs: rows.map(render.quotaLog), nextPageToken };
  };
  return { listReservations: reservations, listGrants: grants, listQuotaLogs: logs };
}
