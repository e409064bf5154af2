/**
 * A world in memory: rows as the store keeps them, batches served as the store serves them. Facts
 * are loaded from the rows for each batch, no more of them than the store loads, and only what
 * BatchWrites names is kept. So a change that a decision makes and BatchWrites forgets shows here.
 */
import assert from "node:assert/strict";
import type { Feature, PublishedFeatures } from "../../../src/billing/catalog/feature.ts";
import { isLimited } from "../../../src/billing/catalog/feature.ts";
import type { Plan } from "../../../src/billing/catalog/plan.ts";
import type { Products } from "../../../src/billing/catalog/products.ts";
import { DAY_MS } from "../../../src/billing/clock.ts";
import {
  createIdSource,
  type CampaignId,
  type FeatureId,
  type GrantId,
  type OperationId,
  type OrderId,
  type PlanId,
  type ReservationId,
  type UserId,
} from "../../../src/billing/id.ts";
import type { DomainEvent } from "../../../src/billing/event.ts";
import type { MembershipStep } from "../../../src/billing/membership/step.ts";
import type { User } from "../../../src/billing/membership/user.ts";
import { isOpen, type OrderFile, type Step } from "../../../src/billing/order/order.ts";
import { useOf, type Account } from "../../../src/billing/quota/account.ts";
import { reservationsIn } from "../../../src/billing/quota/answers.ts";
import type { UseCase } from "../../../src/billing/quota/desk.ts";
import type { SourceTerms } from "../../../src/billing/quota/grant-source.ts";
import type { Lot } from "../../../src/billing/quota/lot.ts";
import type { LogRow } from "../../../src/billing/quota/posting.ts";
import { DAY_WINDOW_MS, type Reservation } from "../../../src/billing/quota/reservation.ts";
import {
  BatchWrites,
  operationKey,
  serve,
  type BatchCampaign,
  type BatchFacts,
  type NewOperation,
  type Ticket,
} from "../../../src/billing/quota/serve.ts";
import type { Served } from "../../../src/billing/quota/teller.ts";
import type { Refusal } from "../../../src/billing/refusal.ts";
import { keep } from "./rows.ts";

/** 2026-11-23 10:00 in Asia/Shanghai. */
export const START_MS = Date.UTC(2026, 10, 23, 2);

export const TRIAL_PLAN: Plan = {
  planId: "trial" as PlanId,
  version: 1,
  displayName: "Trial",
  priceFen: 0n,
  periodMonths: 0,
  periodDays: 30,
  quotaAmount: 10n,
  quotaPriority: 20,
  rollover: "NONE",
  trial: true,
};

/** One row of the log with the operation that it belongs to and its time. */
export interface KeptLog extends LogRow {
  readonly operationId: OperationId;
  readonly createTimeMs: number;
}

export interface SendOptions {
  /** Made up when absent; null, as our own jobs have it. */
  readonly key?: string | null;
  readonly validateOnly?: boolean;
  /** Overrides the user that the input names. */
  readonly userId?: UserId;
}

/** A command that waits to be served. */
export interface Waiting<Input = unknown, Answer = unknown> {
  readonly useCase: UseCase<Input, Answer>;
  readonly input: Input;
  readonly options?: SendOptions;
}

export type Result<Answer> = Served<Answer> | { readonly refusal: Refusal };

export class World {
  nowMs = START_MS;
  trialPlan: Plan = TRIAL_PLAN;
  products: Products = { findPlan: () => undefined, findPack: () => undefined };
  refundWindowMs = 7 * DAY_MS;
  /** What serves a ticket, and a hand on what is written: both for planted bugs. */
  serveTicket: typeof serve = serve;
  tamper: (writes: BatchWrites) => void = () => {};
  readonly users = new Map<UserId, User>();
  readonly lots = new Map<GrantId, Lot>();
  readonly reservations = new Map<ReservationId, Reservation>();
  readonly operations: NewOperation[] = [];
  readonly operationsByKey = new Map<string, NewOperation>();
  readonly logs: KeptLog[] = [];
  /** Whether a method's operations have log rows; each method's all do, or none does. */
  readonly methodsMove = new Map<string, boolean>();
  readonly features = new Map<FeatureId, Feature | "unpublished">();
  readonly access = new Map<FeatureId, Set<UserId>>();
  readonly sources = new Map<string, SourceTerms>();
  readonly campaigns = new Map<CampaignId, BatchCampaign>();
  readonly orders = new Map<OrderId, OrderFile>();
  readonly steps: Step[] = [];
  readonly events: DomainEvent[] = [];
  readonly membershipSteps: MembershipStep[] = [];
  readonly ids = createIdSource(lehmer(20_261_123));
  #keys = 0;

  /** Serves one command as a batch of its own. */
  send<Input, Answer>(
    useCase: UseCase<Input, Answer>,
    input: Input,
    options: SendOptions = {},
  ): Result<Answer> {
    const waiting = { useCase, input, options } as unknown as Waiting;
    return this.sendAll([waiting])[0] as Result<Answer>;
  }

  /** Serves commands in one batch, in their order. */
  sendAll(commands: readonly Waiting[]): Result<unknown>[] {
    const tickets = commands.map((command) => this.#ticketOf(command));
    const facts = this.#load(tickets);
    const writes = new BatchWrites();
    const outcomes = tickets.map((ticket) => this.serveTicket(facts, ticket, writes));
    this.tamper(writes);
    keep(this, facts, writes);
    return outcomes;
  }

  /** Serves a command that must be accepted. */
  accept<Input, Answer>(
    useCase: UseCase<Input, Answer>,
    input: Input,
    options: SendOptions = {},
  ): Answer {
    return accepted(this.send(useCase, input, options));
  }

  /** Serves a command that must be refused, and must not have changed anything. */
  refuse<Input, Answer>(
    useCase: UseCase<Input, Answer>,
    input: Input,
    options: SendOptions = {},
  ): Refusal {
    const before = this.operations.filter(({ method }) => method !== "SettleLots").length;
    const refusal = refused(this.send(useCase, input, options));
    const after = this.operations.filter(({ method }) => method !== "SettleLots").length;
    assert.equal(after, before, "a refused command leaves no operation");
    return refusal;
  }

  #ticketOf({ useCase, input, options = {} }: Waiting): Ticket {
    const { key = `auto-${++this.#keys}`, validateOnly = false } = options;
    const userId = options.userId ?? this.#userOf(useCase, input);
    const caller = { name: "pipeline-test" };
    return { useCase, userId, command: { input, idempotencyKey: key, caller, validateOnly } };
  }

  #userOf(useCase: UseCase<unknown, unknown>, input: unknown): UserId | undefined {
    const named = input as { userId?: UserId; target?: { userId?: UserId } };
    const userId = named.userId ?? named.target?.userId;
    const { reservationId, orderId } = useCase.needs(input);
    if (orderId !== undefined) return userId ?? this.orders.get(orderId)?.order.userId;
    return userId ?? (reservationId && this.reservations.get(reservationId)?.userId);
  }

  #load(tickets: readonly Ticket[]): BatchFacts {
    const operations: BatchFacts["operations"] = new Map();
    const answered = new Map<ReservationId, Reservation>();
    const accounts = new Map<UserId, Account>();
    for (const { useCase, command, userId } of tickets) {
      const key = operationKey(useCase.method, command.idempotencyKey ?? "");
      const first = this.operationsByKey.get(key);
      if (first) operations.set(key, first);
      for (const id of first ? reservationsIn(first.answer) : []) {
        answered.set(id, this.reservations.get(id)!);
      }
      if (userId === undefined || accounts.has(userId)) continue;
      const ofUser = tickets.filter((ticket) => ticket.userId === userId);
      const account = this.#loadAccount(userId, tickets, ofUser);
      if (account) accounts.set(userId, account);
    }
    const features: PublishedFeatures = { find: (id) => this.features.get(id) };
    const { nowMs, trialPlan, products, refundWindowMs, sources, ids } = this;
    const campaigns = this.campaigns;
    const shared = { nowMs, features, trialPlan, products, refundWindowMs, ids, sources, campaigns };
    return { ...shared, accounts, operations, answered };
  }

  #loadAccount(userId: UserId, all: readonly Ticket[], ofUser: readonly Ticket[]) {
    const needs = all.map(({ useCase, command }) => useCase.needs(command.input));
    const created = ofUser.some(({ useCase, command }) => useCase.needs(command.input).createsUser);
    const row = this.users.get(userId) ?? (created ? newUser(userId, this.nowMs) : undefined);
    if (row === undefined) return undefined;
    const own = [...this.reservations.values()].filter((kept) => kept.userId === userId);
    const named = own.filter(({ reservationId, taskId }) =>
      needs.some((need) => need.reservationId === reservationId || need.taskId === taskId),
    );
    const drawn = new Set(named.flatMap((kept) => kept.allocations.map(({ grantId }) => grantId)));
    const account: Account = {
      user: { ...row },
      lots: [...this.lots.values()]
        .filter((lot) => lot.userId === userId)
        .filter(
          ({ state, grantId, sourceId }) =>
            ["OPEN", "SCHEDULED"].includes(state) ||
            drawn.has(grantId) ||
            needs.some(({ orderId = "-" }) => sourceId.startsWith(orderId)),
        )
        .map((lot) => ({ ...lot })),
      reservations: new Map(named.map((kept) => [kept.reservationId, kept])),
      uses: new Map(),
      access: new Set(),
      orders: new Map([...this.orders].filter(([, { order }]) => order.userId === userId)),
      openOrders: [...this.orders.values()].filter(
        ({ order }) => order.userId === userId && isOpen(order),
      ).length,
    };
    const featureIds = needs.flatMap((need) => need.featureIds ?? []);
    for (const featureId of [...featureIds, ...named.map((kept) => kept.featureId)]) {
      const feature = this.features.get(featureId);
      if (feature === undefined || feature === "unpublished") continue;
      if (this.access.get(featureId)?.has(userId)) account.access.add(featureId);
      if (!isLimited(feature)) continue;
      const recent = own.filter(
        (kept) => kept.featureId === featureId && kept.createTimeMs >= this.nowMs - DAY_WINDOW_MS,
      );
      account.uses.set(featureId, recent.map(useOf));
    }
    return account;
  }
}

/** The answer of a result that must not be a refusal. */
export function accepted<Answer>(result: Result<Answer>): Answer {
  if ("refusal" in result) {
    const { reason, message } = result.refusal;
    assert.fail(`refused as ${reason}: ${message}`);
  }
  return result.answer;
}

/** The refusal of a result that must be one. */
export function refused(result: Result<unknown>): Refusal {
  if (!("refusal" in result)) assert.fail("accepted where a refusal was expected");
  return result.refusal;
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

/** Numbers from 0 up to 1, the same in every run. */
export function lehmer(seed: number): () => number {
  let state = seed % 2_147_483_647;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
