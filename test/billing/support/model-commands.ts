/** What each command does to the model, and what it answers. */
import {
  REFUND_WINDOW,
  TRIAL_AMOUNT,
  TRIAL_DAYS,
  TRIAL_PRIORITY,
  type Model,
  type ModelHold,
} from "./model.ts";

const DAY = 86_400_000;

export type ModelCommand =
  | { readonly kind: "register"; readonly user: string }
  | { readonly kind: "suspend" | "resume"; readonly user: string; readonly reason: string }
  | { readonly kind: "grant"; readonly user: string; readonly source: string }
  | {
      readonly kind: "reserve" | "batch";
      readonly user: string;
      readonly task: string;
      readonly lines: readonly { readonly feature: string; readonly quantity: number }[];
      readonly ttl: number;
    }
  /** `hold` counts the holds from 0 in the order of their making; -1 is one that doesn't exist. */
  | { readonly kind: "commit"; readonly hold: number; readonly actual: number | null }
  | { readonly kind: "refund"; readonly hold: number; readonly reason: string }
  | {
      readonly kind: "refundTask";
      readonly task: string;
      readonly user: string;
      readonly reason: string;
    }
  | { readonly kind: "extend"; readonly hold: number; readonly ttl: number }
  | { readonly kind: "expire"; readonly hold: number }
  | { readonly kind: "settle"; readonly user: string };

export type ToldHold = Pick<
  ModelHold,
  "state" | "amount" | "spent" | "back" | "endsAt" | "parts"
>;

/** What a command was answered, in the model's words. */
export type Told =
  | { readonly no: string; readonly field?: string }
  | {
      readonly holds: readonly ToldHold[];
      readonly available: number;
      readonly held: number;
      readonly already?: boolean;
    }
  | { readonly done: unknown };

/** Does a command to the model. After a refusal the model is spoilt: work on a copy. */
export function act(model: Model, command: ModelCommand): Told {
  switch (command.kind) {
    case "register":
      return register(model, command.user);
    case "suspend":
    case "resume":
      return change(model, command.user, command.kind === "suspend");
    case "grant":
      return grant(model, command);
    case "reserve":
    case "batch":
      return reserve(model, command);
    case "commit":
      return commit(model, command.hold, command.actual);
    case "refund":
      if (command.hold < 0) return { no: "RESERVATION_NOT_FOUND" };
      return refund(model, [model.holds[command.hold]!], command.reason);
    case "refundTask":
      return refundTask(model, command);
    case "extend":
      return extend(model, command.hold, command.ttl);
    case "expire":
      return expire(model, command.hold);
    case "settle":
    default:
      return knows(model, command.user) ? { done: "settled" } : { no: "USER_NOT_FOUND" };
  }
}

function knows(model: Model, name: string): boolean {
  return model.users.some((user) => user.name === name);
}

function register(model: Model, user: string): Told {
  if (knows(model, user)) return { no: "USER_ALREADY_REGISTERED" };
  model.users.push({ name: user, suspended: false, memberUntil: model.now + TRIAL_DAYS * DAY });
  const terms = { amount: TRIAL_AMOUNT, priority: TRIAL_PRIORITY, valid: TRIAL_DAYS * DAY };
  model.addLot({ kind: "TRIAL", id: user, user, ...terms }, model.now);
  return { done: TRIAL_AMOUNT };
}

function change(model: Model, name: string, suspended: boolean): Told {
  const user = model.users.find((each) => each.name === name);
  if (!user) return { no: "USER_NOT_FOUND" };
  user.suspended = suspended;
  return { done: suspended ? "SUSPENDED" : "ACTIVE" };
}

function grant(model: Model, { user, source }: { user: string; source: string }): Told {
  if (!knows(model, user)) return { no: "USER_NOT_FOUND" };
  const terms = model.sources.find(({ id }) => id === source);
  if (terms?.user !== user) return { no: "GRANT_SOURCE_UNLAWFUL" };
  const name = `ADJUSTMENT ${source}`;
  if (model.lots.some((lot) => lot.name === name)) return { no: "GRANT_SOURCE_USED" };
  model.addLot({ kind: "ADJUSTMENT", ...terms }, model.now);
  return { done: [name, terms.amount, model.available(user), model.held(user)] };
}

function reserve(
  model: Model,
  { user, task, lines, ttl }: Extract<ModelCommand, { kind: "reserve" | "batch" }>,
): Told {
  const made = model.holds.length;
  for (const { feature, quantity } of lines) {
    const no = model.whyNot(user, feature, quantity);
    if (no) return { no };
    const amount = model.features.find(({ name }) => name === feature)!.cost * quantity;
    const parts = model.draw(user, amount);
    const times = { madeAt: model.now, endsAt: model.now + ttl, spentAt: 0 };
    const sums = { amount, spent: 0, back: 0, state: "HELD", counts: true };
    model.holds.push({ user, feature, task, quantity, parts, ...times, ...sums });
  }
  return told(model, model.holds.slice(made));
}

function commit(model: Model, at: number, asked: number | null): Told {
  const hold = model.holds[at];
  if (!hold) return { no: "RESERVATION_NOT_FOUND" };
  if (hold.state === "REFUNDED") return { no: "ALREADY_REFUNDED" };
  if (hold.state === "COMMITTED") return { no: "RESERVATION_NOT_HELD" };
  const actual = asked ?? hold.amount;
  if (actual > hold.amount) return { no: "COMMIT_EXCEEDS_RESERVATION" };
  if (hold.state === "EXPIRED") {
    if (actual > model.available(hold.user)) return { no: "RESERVATION_EXPIRED" };
    hold.parts = model.draw(hold.user, actual);
  } else {
    model.giveBack(hold, actual, hold.amount - actual);
  }
  hold.state = "COMMITTED";
  hold.spent = actual;
  hold.back = hold.amount - actual;
  hold.spentAt = model.now;
  return told(model, [hold]);
}

function refundTask(
  model: Model,
  { task, user, reason }: Extract<ModelCommand, { kind: "refundTask" }>,
): Told {
  if (!knows(model, user)) return { no: "USER_NOT_FOUND" };
  const named = model.holds.filter((hold) => hold.task === task && hold.user === user);
  return refund(model, named, reason);
}

function refund(model: Model, named: ModelHold[], reason: string): Told {
  if (reason === "SUBJECTIVE") return { no: "SUBJECTIVE_REFUND_FORBIDDEN" };
  if (named.length === 0) return { no: "RESERVATION_NOT_FOUND" };
  const isLate = (hold: ModelHold) =>
    hold.state === "COMMITTED" && model.now - hold.spentAt >= REFUND_WINDOW;
  if (named.every(isLate)) return { no: "REFUND_NOT_ELIGIBLE" };
  let already = true;
  for (const hold of named) {
    if (isLate(hold) || hold.state === "REFUNDED") continue;
    already = false;
    if (hold.state === "HELD") model.giveBack(hold, 0, hold.amount);
    if (hold.state === "COMMITTED") model.giveBack(hold, 0, hold.spent);
    hold.state = "REFUNDED";
    hold.spent = 0;
    hold.back = hold.amount;
    if (reason === "CANCELLED_BEFORE_START") hold.counts = false;
  }
  return { ...told(model, named), already };
}

function extend(model: Model, at: number, ttl: number): Told {
  const hold = model.holds[at];
  if (!hold) return { no: "RESERVATION_NOT_FOUND" };
  if (hold.state !== "HELD") return { no: "RESERVATION_NOT_HELD" };
  const last = hold.madeAt + DAY;
  if (hold.endsAt === last || model.now >= last) return { no: "HOLD_LIMIT_REACHED" };
  if (model.now + ttl > hold.endsAt) hold.endsAt = model.now + ttl;
  if (hold.endsAt > last) hold.endsAt = last;
  return told(model, [hold]);
}

function expire(model: Model, at: number): Told {
  const hold = model.holds[at];
  if (!hold || hold.state !== "HELD" || model.now < hold.endsAt) return { done: false };
  model.giveBack(hold, 0, hold.amount);
  hold.state = "EXPIRED";
  hold.back = hold.amount;
  return { done: true };
}

function told(model: Model, holds: readonly ModelHold[]) {
  const { user } = holds[0]!;
  const balance = { available: model.available(user), held: model.held(user) };
  return { holds: holds.map(toldOf), ...balance };
}

export function toldOf({ state, amount, spent, back, endsAt, parts }: ModelHold): ToldHold {
  return { state, amount, spent, back, endsAt, parts };
}
