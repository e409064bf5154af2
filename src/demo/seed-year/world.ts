/** Members of a seeded year and the one way in which anything happens to them: the service's own decisions. */
import { PACKS, PLANS, TRIAL, WARES } from "./wares.ts";
import { DAY_MS } from "../../billing/clock.ts";
import { createIdSource, type FeatureId, type IdSource, type UserId } from "../../billing/id.ts";
import { dueLapse } from "../../billing/membership/lapse-membership.ts";
import type { User } from "../../billing/membership/user.ts";
import type { Account } from "../../billing/quota/account.ts";
import type { UseCase } from "../../billing/quota/desk.ts";
import { dueLots } from "../../billing/quota/posting.ts";
import { BatchWrites, serve, type BatchFacts, type Ticket } from "../../billing/quota/serve.ts";
import { createDice, type Dice } from "./dice.ts";
import type { Records } from "./records.ts";

const REFUND_WINDOW_MS = 7 * DAY_MS;

export interface World {
  readonly dice: Dice;
  readonly ids: IdSource;
  /** In the order of their registration. */
  readonly accounts: readonly Account[];
  now(): number;
  enter(nowMs: number): void;
  /** A new account, to be registered. */
  open(userId: UserId): Account;
  /**
   * Serves a command as the service would.
   * @returns the answer; undefined when it was refused, which changes nothing
   */
  act<Input, Answer>(
    account: Account,
    useCase: UseCase<Input, Answer>,
    input: Input,
    caller: string,
  ): Answer | undefined;
  /** True when the sweeper has something to do. */
  isDue(account: Account): boolean;
}

export function createWorld(seed: number, records: Records): World {
  const dice = createDice(seed);
  const ids = createIdSource(() => dice.next());
  const accounts: Account[] = [];
  const known = new Map<UserId, Account>();
  const facts: BatchFacts & { nowMs: number } = { ...fixedFacts(), nowMs: 0, ids, accounts: known };
  let commands = 0;
  return {
    dice,
    ids,
    accounts,
    now: () => facts.nowMs,
    enter: (nowMs) => void (facts.nowMs = nowMs),
    open(userId) {
      const account = newAccount(userId, facts.nowMs);
      accounts.push(account);
      known.set(userId, account);
      return account;
    },
    act(account, useCase, input, caller) {
      const writes = new BatchWrites();
      const idempotencyKey = `year-${seed}-${(commands += 1)}`;
      const command = { input, idempotencyKey, caller: { name: caller }, validateOnly: false };
      const ticket = { useCase, command, userId: account.user.userId } as unknown as Ticket;
      const outcome = serve(facts, ticket, writes);
      facts.operations.clear();
      records.keep(writes, facts.nowMs);
      return "answer" in outcome
        ? (outcome.answer as ReturnType<typeof useCase.answers.read>)
        : undefined;
    },
    isDue: (account) =>
      dueLapse(account.user, facts.nowMs) !== undefined ||
      dueLots(account, facts.nowMs).entries.length > 0,
  };
}

function fixedFacts(): Omit<BatchFacts, "nowMs" | "ids" | "accounts"> {
  const features = new Map(WARES.map(({ feature }) => [feature.featureId, feature]));
  return {
    features: { find: (featureId: FeatureId) => features.get(featureId) },
    trialPlan: TRIAL,
    products: {
      findPlan: (planId) => PLANS.find((plan) => plan.planId === planId),
      findPack: (packId) => PACKS.find((pack) => pack.packId === packId),
    },
    refundWindowMs: REFUND_WINDOW_MS,
    operations: new Map(),
    answered: new Map(),
    campaigns: new Map(),
    sources: new Map(),
  };
}

function newAccount(userId: UserId, nowMs: number): Account {
  const user: User = {
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
  return {
    user,
    lots: [],
    reservations: new Map(),
    uses: new Map(),
    access: new Set(),
    orders: new Map(),
    openOrders: 0,
  };
}
