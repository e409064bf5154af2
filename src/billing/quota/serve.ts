/**
 * Serving a batch: each command, in the order of arrival, is checked against its idempotency key,
 * decided on its account, and posted. All of it is pure: facts in, effects out. The store loads the
 * facts under the users' locks before, and writes the effects in the same transaction after.
 */
import type { PublishedFeatures } from "../catalog/feature.ts";
import type { Campaign } from "../catalog/campaign.ts";
import type { Plan } from "../catalog/plan.ts";
import type { Products } from "../catalog/products.ts";
import type { DomainEvent } from "../event.ts";
import type {
  CampaignId,
  GrantId,
  IdSource,
  OperationId,
  OrderId,
  RefundId,
  ReservationId,
  UserId,
} from "../id.ts";
import { dueLapse } from "../membership/lapse-membership.ts";
import type { MembershipStep } from "../membership/step.ts";
import type { CampaignFile, Redemption } from "../membership/redeem-campaign.ts";
import type { QuotaUnits } from "../money.ts";
import type { Order, Payment, Refund, Step } from "../order/order.ts";
import { assert, Refusal } from "../refusal.ts";
import { copyOf, type Account } from "./account.ts";
import { userNotFound } from "./check-quota.ts";
import type { Command, Desk, UseCase } from "./desk.ts";
import type { SourceTerms } from "./grant-source.ts";
import type { Lot } from "./lot.ts";
import { dueLots, post, type Effects, type LogRow } from "./posting.ts";
import type { Reservation } from "./reservation.ts";
import { reservationNotFound } from "./settled.ts";

/** What every decision of a batch shares. */
export interface BatchFacts {
  /** The database's time. */
  readonly nowMs: number;
  readonly features: PublishedFeatures;
  readonly trialPlan: Plan;
  readonly products: Products;
  readonly refundWindowMs: number;
  readonly ids: IdSource;
  /** The locked accounts. */
  readonly accounts: ReadonlyMap<UserId, Account>;
  /** Operations whose keys the batch's commands bear, by `operationKey`; grows as the batch goes. */
  readonly operations: Map<string, StoredOperation>;
  /** The reservations that those operations' answers name. */
  readonly answered: ReadonlyMap<ReservationId, Reservation>;
  /** Campaigns that the batch's commands redeem, under their budgets' locks; they change as the batch goes. */
  readonly campaigns: Map<CampaignId, BatchCampaign>;
  /** Lawful sources named by the batch's grants, by `sourceKey`. */
  readonly sources: ReadonlyMap<string, SourceTerms>;
}

/** A campaign as a whole batch sees it. */
export interface BatchCampaign {
  inForce: Campaign | undefined;
  spentAmount: QuotaUnits;
  readonly redeemed: Map<UserId, number>;
}

/** An operation that has happened: the proof of its idempotency key, and the parent of its log rows. */
export interface StoredOperation {
  readonly method: string;
  readonly idempotencyKey: string | null;
  readonly userId: UserId;
  /** The values of the use case's `content`, in its order. */
  readonly content: readonly string[];
  /** As the use case's `answers` writes it. */
  readonly answer: string;
}

export interface NewOperation extends StoredOperation {
  readonly operationId: OperationId;
  readonly caller: string;
}

/** A command with its use case and the account that it is about. */
export interface Ticket<Input = unknown, Answer = unknown> {
  readonly useCase: UseCase<Input, Answer>;
  readonly command: Command<Input>;
  /** Undefined when the reservation that it names is unknown. */
  readonly userId: UserId | undefined;
}

export type Outcome =
  | { readonly answer: unknown; readonly replayed: boolean }
  | { readonly refusal: Refusal };

/**
 * What a batch has to write. Rows are new, or changed; of a row that is changed several times, or made
 * and changed in the same batch, the last state counts. Log rows and operations are always new.
 */
export class BatchWrites {
  /** Users whose balances changed. */
  readonly balances = new Set<UserId>();
  /** Users of whom anything else changed. */
  readonly profiles = new Set<UserId>();
  readonly newLots = new Map<GrantId, Lot>();
  readonly changedLots = new Map<GrantId, Lot>();
  readonly newReservations = new Map<ReservationId, Reservation>();
  readonly changedReservations = new Map<ReservationId, Reservation>();
  readonly newOrders = new Map<OrderId, Order>();
  readonly changedOrders = new Map<OrderId, Order>();
  readonly newRefunds = new Map<RefundId, Refund>();
  readonly changedRefunds = new Map<RefundId, Refund>();
  readonly payments: Payment[] = [];
  readonly redemptions: Redemption[] = [];
  readonly steps: Step[] = [];
  readonly events: DomainEvent[] = [];
  readonly membershipSteps: MembershipStep[] = [];
  /** What happened, each with its movements of quota. */
  readonly operations: { readonly operation: NewOperation; readonly rows: readonly LogRow[] }[] = [];
}

export function operationKey(method: string, idempotencyKey: string): string {
  return `${method} ${idempotencyKey}`;
}

export function sourceKey(source: { readonly kind: string; readonly id: string }): string {
  return `${source.kind} ${source.id}`;
}

/**
 * Serves one command. Refusals are outcomes and touch nobody else.
 * @throws Error for a bug, which leaves the facts unusable: the whole batch must be given up
 */
export function serve(facts: BatchFacts, ticket: Ticket, writes: BatchWrites): Outcome {
  try {
    return replay(facts, ticket) ?? decide(facts, ticket, writes);
  } catch (error) {
    if (error instanceof Refusal) return { refusal: error };
    throw error;
  }
}

/** The first answer to the same key again, or nothing when the key is new. */
function replay(facts: BatchFacts, { useCase, command }: Ticket): Outcome | undefined {
  if (command.idempotencyKey === null) return undefined;
  const first = facts.operations.get(operationKey(useCase.method, command.idempotencyKey));
  if (first === undefined) return undefined;
  const field = differingField(first.content, useCase.content(command.input));
  if (field !== undefined) throw keyReused(useCase.method, field);
  const find = (id: ReservationId) => {
    const ofBatch = facts.accounts.get(first.userId)?.reservations.get(id);
    const reservation = facts.answered.get(id) ?? ofBatch;
    assert(reservation !== undefined, "a stored answer names a reservation that exists");
    return reservation;
  };
  return { answer: useCase.answers.read(first.answer, find), replayed: true };
}

/** The first field, in the order of the proto, whose value differs; undefined when none does. */
export function differingField(
  first: readonly string[],
  again: Readonly<Record<string, string>>,
): string | undefined {
  return Object.keys(again).find((field, at) => (first[at] ?? "") !== again[field]);
}

export function keyReused(method: string, field: string): Refusal {
  const message = `the idempotency key was used for another request: ${field} differs`;
  return new Refusal("IDEMPOTENCY_KEY_REUSED", message, { method, field });
}

function decide(facts: BatchFacts, ticket: Ticket, writes: BatchWrites): Outcome {
  const { useCase, command } = ticket;
  const locked = accountOf(facts, ticket);
  settleLapse(facts, locked, writes);
  settleDueLots(facts, locked, writes);
  // A preview is the same decision on a copy that nobody keeps.
  const account = command.validateOnly ? copyOf(locked) : locked;
  const { effects, answer } = useCase.decide(deskFor(facts, ticket, account), command.input);
  const rows = post(account, effects, facts.nowMs);
  const done = answer();
  if (!command.validateOnly) {
    if (command.idempotencyKey !== null || rows.length > 0) {
      record(facts, ticket, account, effects, rows, useCase.answers.write(done), writes);
    } else noteChanges(account, effects, rows, writes);
    noteEvents(facts, account.user.userId, effects, writes);
    noteRedemptions(facts, effects, writes);
  }
  return { answer: done, replayed: false };
}

/** @throws Refusal USER_NOT_FOUND, or RESERVATION_NOT_FOUND when only an unknown reservation was named */
function accountOf(facts: BatchFacts, { useCase, command, userId }: Ticket): Account {
  const { reservationId, createsUser = false } = useCase.needs(command.input);
  const account = userId === undefined ? undefined : facts.accounts.get(userId);
  // A row that was only made to be locked is nobody yet, but for the command that registers.
  if (account !== undefined && (createsUser || account.user.state !== "NEW")) return account;
  if (reservationId !== undefined) throw reservationNotFound(reservationId);
  throw userNotFound(userId!);
}

function deskFor(facts: BatchFacts, { useCase, command }: Ticket, account: Account): Desk {
  const { source, campaignId } = useCase.needs(command.input);
  const { nowMs, features, trialPlan, products, refundWindowMs } = facts;
  return {
    nowMs,
    account,
    features,
    trialPlan,
    products,
    caller: command.caller,
    refundWindowMs,
    source: source && facts.sources.get(sourceKey(source)),
    campaign: campaignId && campaignFor(facts, campaignId, account.user.userId),
    newId: (prefix) => facts.ids.next(prefix, nowMs, account.user.userId),
  };
}

/** The end of a membership is recorded before whatever comes next, even if that is refused. */
function settleLapse(facts: BatchFacts, account: Account, writes: BatchWrites): void {
  const lapse = dueLapse(account.user, facts.nowMs);
  if (lapse === undefined) return;
  const rows = post(account, lapse, facts.nowMs);
  noteChanges(account, lapse, rows, writes);
  noteEvents(facts, account.user.userId, lapse, writes);
}

/** Lots whose time has come are an operation of their own, before whatever comes next. */
function settleDueLots(facts: BatchFacts, account: Account, writes: BatchWrites): void {
  const due = dueLots(account, facts.nowMs);
  if (due.entries.length === 0) return;
  const rows = post(account, due, facts.nowMs);
  const operation: NewOperation = {
    operationId: facts.ids.next("op", facts.nowMs, account.user.userId) as OperationId,
    method: "SettleLots",
    idempotencyKey: null,
    userId: account.user.userId,
    caller: "billing-guard",
    content: [],
    answer: "[[]]",
  };
  note(operation, account, due, rows, writes);
}

function record(
  facts: BatchFacts,
  { useCase, command }: Ticket,
  account: Account,
  effects: Effects,
  rows: readonly LogRow[],
  answer: string,
  writes: BatchWrites,
): void {
  assert(!useCase.alwaysLogged || rows.length > 0, `each ${useCase.method} leaves a row in the log`);
  const operation: NewOperation = {
    operationId: facts.ids.next("op", facts.nowMs, account.user.userId) as OperationId,
    method: useCase.method,
    idempotencyKey: command.idempotencyKey,
    userId: account.user.userId,
    caller: command.caller.name,
    content: Object.values(useCase.content(command.input)),
    answer,
  };
  note(operation, account, effects, rows, writes);
  if (operation.idempotencyKey !== null) {
    facts.operations.set(operationKey(operation.method, operation.idempotencyKey), operation);
  }
}

function note(
  operation: NewOperation,
  account: Account,
  effects: Effects,
  rows: readonly LogRow[],
  writes: BatchWrites,
): void {
  writes.operations.push({ operation, rows });
  noteChanges(account, effects, rows, writes);
}

function noteChanges(
  account: Account,
  effects: Effects,
  rows: readonly LogRow[],
  writes: BatchWrites,
): void {
  if (rows.length > 0) writes.balances.add(account.user.userId);
  if (effects.user) writes.profiles.add(account.user.userId);
  for (const hold of effects.holds) writes.newReservations.set(hold.reservationId, hold);
  for (const changed of effects.changes) {
    const isNew = writes.newReservations.has(changed.reservationId);
    const kept = isNew ? writes.newReservations : writes.changedReservations;
    kept.set(changed.reservationId, changed);
  }
  for (const lot of effects.lots) writes.newLots.set(lot.grantId, lot);
  const moved = new Set(rows.map(({ grantId }) => grantId));
  for (const lot of account.lots) {
    if (moved.has(lot.grantId) && !writes.newLots.has(lot.grantId)) {
      writes.changedLots.set(lot.grantId, lot);
    }
  }
  noteOrders(effects, writes);
  writes.membershipSteps.push(...(effects.membershipSteps ?? []));
}

/** An order or a refund whose first step this is is new; any other is there and changes. */
function noteOrders(effects: Effects, writes: BatchWrites): void {
  const steps = effects.steps ?? [];
  const isNew = (id: OrderId | RefundId) =>
    steps.some(({ subjectId, sequence }) => subjectId === id && sequence === 1);
  for (const order of effects.orders ?? []) {
    const { orderId } = order;
    const kept = isNew(orderId) || writes.newOrders.has(orderId);
    (kept ? writes.newOrders : writes.changedOrders).set(orderId, order);
  }
  for (const refund of effects.refunds ?? []) {
    const { refundId } = refund;
    const kept = isNew(refundId) || writes.newRefunds.has(refundId);
    (kept ? writes.newRefunds : writes.changedRefunds).set(refundId, refund);
  }
  writes.payments.push(...(effects.payments ?? []));
  writes.steps.push(...steps);
}

function noteEvents(
  { ids, nowMs }: BatchFacts,
  userId: UserId,
  { events = [] }: Effects,
  writes: BatchWrites,
): void {
  for (const event of events) {
    const eventId = ids.next("evt", nowMs, userId) as DomainEvent["eventId"];
    writes.events.push({ eventId, userId, createTimeMs: nowMs, ...event });
  }
}

function campaignFor(
  facts: BatchFacts,
  campaignId: CampaignId,
  userId: UserId,
): CampaignFile | undefined {
  const campaign = facts.campaigns.get(campaignId);
  return campaign && { ...campaign, redeemed: campaign.redeemed.get(userId) ?? 0 };
}

/** What one command has redeemed the next one finds spent. */
function noteRedemptions(
  { campaigns }: BatchFacts,
  { redemptions = [] }: Effects,
  writes: BatchWrites,
): void {
  for (const redemption of redemptions) {
    const campaign = campaigns.get(redemption.campaignId)!;
    campaign.spentAmount += redemption.amount;
    campaign.redeemed.set(redemption.userId, redemption.number);
    writes.redemptions.push(redemption);
  }
}
