/**
 * The desk is where a command meets the account: the time, the catalogue, and the ids to give out.
 * A use case looks at the desk and decides; it fetches nothing and changes nothing.
 */
import type { Plan } from "../catalog/plan.ts";
import type { PublishedFeatures } from "../catalog/feature.ts";
import type { Products } from "../catalog/products.ts";
import type { CampaignFile } from "../membership/redeem-campaign.ts";
import type { Caller, CampaignId, FeatureId, OrderId, ReservationId, TaskId, UserId } from "../id.ts";
import type { SourceTerms } from "./grant-source.ts";
import type { Account } from "./account.ts";
import type { Answers } from "./answers.ts";
import type { Effects } from "./posting.ts";

export interface Desk {
  /** The database's time, in milliseconds since 1970; the same for a whole batch. */
  readonly nowMs: number;
  readonly account: Account;
  readonly features: PublishedFeatures;
  /** The plan that registration gives. */
  readonly trialPlan: Plan;
  /** How long after a commit a fault of the system still brings quota back. */
  readonly refundWindowMs: number;
  /** What the source named by a grant has to give; undefined when there is no lawful one. */
  readonly source: SourceTerms | undefined;
  /** The campaign that is named; undefined when it is unknown. */
  readonly campaign: CampaignFile | undefined;
  /** What is for sale. */
  readonly products: Products;
  /** Who asks. */
  readonly caller: Caller;
  newId(prefix: "rsv" | "grt" | "ord" | "pay" | "rfd"): string;
}

/** What a use case needs loaded before it can decide. */
export interface Needs {
  readonly featureIds?: readonly FeatureId[];
  readonly reservationId?: ReservationId;
  readonly taskId?: TaskId;
  /** A lawful source of quota, to be looked up and locked. */
  readonly source?: { readonly kind: "ORDER" | "CAMPAIGN" | "ADJUSTMENT"; readonly id: string };
  /** A campaign, under its budget's lock. */
  readonly campaignId?: CampaignId;
  /** An order, with its payments, refunds and lots. */
  readonly orderId?: OrderId;
  /** True: how many orders of the user wait to be paid. */
  readonly openOrders?: boolean;
  /** True: make the user's row when it is missing, so that there is something to lock. */
  readonly createsUser?: boolean;
}

/**
 * A command on one user's quota: who asks, with which key, for what.
 * @typeParam Input the use case's own fields
 */
export interface Command<Input> {
  readonly input: Input;
  /** Null only for our own jobs, whose effect is guarded by the state that they end. */
  readonly idempotencyKey: string | null;
  readonly caller: Caller;
  /** True: decide and answer as if, but change nothing. */
  readonly validateOnly: boolean;
}

/** A decision: what shall happen, and the answer once it has. */
export interface Decision<Answer> {
  readonly effects: Effects;
  /** Called after the effects were posted to the account. */
  answer(): Answer;
}

/** One use case on quota: what the teller must know of it. */
export interface UseCase<Input, Answer> {
  /** The RPC's name; idempotency keys are unique within it. */
  readonly method: string;
  /** True: whenever it happens the log has a row of it, so its keys are looked for there alone. */
  readonly alwaysLogged?: true;
  needs(input: Input): Needs;
  /**
   * The request's content, field by field under the names of the proto: what must be equal when a
   * key is sent again. Always the same fields in the same order: their values alone are stored. A
   * field that is added later goes to the end, and is empty in what was stored before.
   */
  content(input: Input): Readonly<Record<string, string>>;
  /**
   * Decides. It reads the desk only.
   * @throws Refusal when it may not happen
   */
  decide(desk: Desk, input: Input): Decision<Answer>;
  /** The stored form of an answer, and back. */
  readonly answers: Answers<Answer>;
}

/** The user that a command is about, where the input names one. */
export interface NamesUser {
  readonly userId: UserId;
}
