/** The typed client of the billing service: what pipelines and storefronts call. */
import {
  MembershipServiceService as Membership,
  type CheckEntitlementResponse,
  type GetMembershipResponse,
  type ListPlansResponse,
  type RegisterUserResponse,
} from "../gen/billing/membership/v1/membership_service.ts";
import type { Balance, Reservation } from "../gen/billing/quota/v1/quota.ts";
import {
  QuotaServiceService as Quota,
  type BatchReserveQuotaResponse,
  type CheckQuotaResponse,
  type ExplainReservationResponse,
  type ExtendReservationResponse,
  type ListReservationsResponse,
} from "../gen/billing/quota/v1/quota_service.ts";
import {
  present,
  type CommitAnswer,
  type Present,
  type RefundAnswer,
  type ReserveAnswer,
} from "./answers.ts";
import { createCaller, type CallOptions, type Caller, type UnaryMethod } from "./call.ts";
import { resolveOptions, type ConnectOptions } from "./options.ts";
import {
  toBatchReserveRequest,
  toCheckRequest,
  toCommitRequest,
  toExtendRequest,
  toListReservationsRequest,
  toRefundRequest,
  toReserveRequest,
  type BatchReserveInput,
  type CheckInput,
  type CommitInput,
  type ExtendInput,
  type ListReservationsInput,
  type RefundInput,
  type ReserveInput,
} from "./requests.ts";
import { openQuotaStream, type QuotaStream, type QuotaStreamOptions } from "./stream.ts";

/**
 * A connection to the billing service. Every method fails with a BillingError, has a deadline, and
 * is repeated with the same idempotency key where that helps.
 */
export interface BillingClient {
  /** Holds quota before a task. */
  reserve(input: ReserveInput, options?: CallOptions): Promise<ReserveAnswer>;
  /** Holds quota for several features of one task, all or none. */
  batchReserve(
    input: BatchReserveInput,
    options?: CallOptions,
  ): Promise<Present<BatchReserveQuotaResponse, "balance">>;
  /** Spends a hold, or a part of it. */
  commit(input: CommitInput, options?: CallOptions): Promise<CommitAnswer>;
  /** Gives a failed task's quota back. */
  refund(input: RefundInput, options?: CallOptions): Promise<RefundAnswer>;
  /** Lengthens the life of a hold. */
  extend(
    input: ExtendInput,
    options?: CallOptions,
  ): Promise<Present<ExtendReservationResponse, "reservation">>;
  /** What a user has now. */
  balance(userId: string, options?: CallOptions): Promise<Balance>;
  /** Whether a reservation would pass now, and every reason why not. */
  check(input: CheckInput, options?: CallOptions): Promise<CheckQuotaResponse>;
  getReservation(reservationId: string, options?: CallOptions): Promise<Reservation>;
  /** One page of a user's or a task's reservations, or of all open holds. */
  listReservations(
    input: ListReservationsInput,
    options?: CallOptions,
  ): Promise<ListReservationsResponse>;
  /** What decided a reservation, and every movement since. */
  explain(
    reservationId: string,
    options?: CallOptions,
  ): Promise<Present<ExplainReservationResponse, "reservation">>;
  /** Makes a user known, with the trial membership and its quota. */
  registerUser(
    input: { readonly idempotencyKey: string; readonly userId: string },
    options?: CallOptions,
  ): Promise<Present<RegisterUserResponse, "membership">>;
  membership(
    userId: string,
    options?: CallOptions,
  ): Promise<Present<GetMembershipResponse, "membership">>;
  /** Whether a user may use a feature, limits and balance apart. */
  checkEntitlement(
    input: { readonly userId: string; readonly featureId: string },
    options?: CallOptions,
  ): Promise<CheckEntitlementResponse>;
  plans(options?: CallOptions): Promise<ListPlansResponse>;
  /** Opens a stream of reserves, commits and refunds, for high rates. */
  processQuota(options?: QuotaStreamOptions): QuotaStream;
  /**
   * Any other method of the contract, with the same deadlines, repetitions and errors: a method of
   * a generated service definition and its request. A mutating request must bear its idempotency
   * key.
   */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): Promise<Response>;
  /** Ends the connections. Calls under way fail; close streams before. */
  close(): void;
}

/**
 * Makes a client. It connects at its first call, and again by itself whenever a connection is lost.
 * @throws TypeError naming the option that is missing, out of range, or contradicts another
 */
export function connect(options: ConnectOptions): BillingClient {
  const caller = createCaller(resolveOptions(options));
  return {
    ...quotaMethods(caller),
    ...membershipMethods(caller),
    processQuota: (streamOptions) => openQuotaStream(caller, streamOptions),
    call: (method, request, callOptions) => caller.unary(method, request, callOptions),
    close: () => caller.close(),
  };
}

type QuotaMethods = Pick<
  BillingClient,
  | "reserve"
  | "batchReserve"
  | "commit"
  | "refund"
  | "extend"
  | "balance"
  | "check"
  | "getReservation"
  | "listReservations"
  | "explain"
>;

function quotaMethods({ unary }: Caller): QuotaMethods {
  return {
    async reserve(input, options) {
      return present(
        await unary(Quota.reserveQuota, toReserveRequest(input), options),
        "reservation",
        "balance",
      );
    },
    async batchReserve(input, options) {
      return present(
        await unary(Quota.batchReserveQuota, toBatchReserveRequest(input), options),
        "balance",
      );
    },
    async commit(input, options) {
      return present(
        await unary(Quota.commitQuota, toCommitRequest(input), options),
        "reservation",
        "balance",
      );
    },
    async refund(input, options) {
      return present(
        await unary(Quota.refundQuota, toRefundRequest(input), options),
        "reservation",
        "balance",
      );
    },
    async extend(input, options) {
      return present(
        await unary(Quota.extendReservation, toExtendRequest(input), options),
        "reservation",
      );
    },
    async balance(userId, options) {
      return present(await unary(Quota.getBalance, { userId }, options), "balance").balance;
    },
    check: (input, options) => unary(Quota.checkQuota, toCheckRequest(input), options),
    async getReservation(reservationId, options) {
      return present(await unary(Quota.getReservation, { reservationId }, options), "reservation")
        .reservation;
    },
    listReservations: (input, options) =>
      unary(Quota.listReservations, toListReservationsRequest(input), options),
    async explain(reservationId, options) {
      return present(
        await unary(Quota.explainReservation, { reservationId }, options),
        "reservation",
      );
    },
  };
}

type MembershipMethods = Pick<
  BillingClient,
  "registerUser" | "membership" | "checkEntitlement" | "plans"
>;

function membershipMethods({ unary }: Caller): MembershipMethods {
  return {
    async registerUser({ idempotencyKey, userId }, options) {
      const request = { idempotencyKey, userId, validateOnly: false };
      return present(await unary(Membership.registerUser, request, options), "membership");
    },
    async membership(userId, options) {
      return present(await unary(Membership.getMembership, { userId }, options), "membership");
    },
    checkEntitlement: ({ userId, featureId }, options) =>
      unary(Membership.checkEntitlement, { userId, featureId }, options),
    plans: (options) => unary(Membership.listPlans, {}, options),
  };
}
