/**
 * The rules of quota told a second time, as plainly as can be: small numbers, arrays that are
 * searched from end to end, one function a rule, and nothing of src/billing. What is slow or repeats
 * itself here is meant to: the model test holds the two tellings against each other.
 */
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const GRACE = 3 * DAY;

export const TRIAL_DAYS = 400;
export const TRIAL_AMOUNT = 5;
export const TRIAL_PRIORITY = 40;
export const REFUND_WINDOW = 6 * HOUR;

export interface ModelFeature {
  readonly name: string;
  readonly cost: number;
  readonly perHour?: number;
  readonly perDay?: number;
  readonly cooldown?: number;
  readonly inFlight?: number;
  readonly listed?: readonly string[];
}

export interface ModelUser {
  readonly name: string;
  suspended: boolean;
  memberUntil: number;
}

export interface ModelLot {
  readonly name: string;
  readonly user: string;
  readonly amount: number;
  readonly priority: number;
  readonly madeAt: number;
  readonly startsAt: number;
  endsAt: number;
  left: number;
  started: boolean;
}

export interface ModelHold {
  readonly user: string;
  readonly feature: string;
  readonly task: string;
  readonly quantity: number;
  readonly amount: number;
  readonly madeAt: number;
  parts: readonly { readonly lot: string; readonly amount: number }[];
  state: string;
  spent: number;
  back: number;
  endsAt: number;
  spentAt: number;
  counts: boolean;
}

export interface Source {
  readonly id: string;
  readonly user: string;
  readonly amount: number;
  readonly priority: number;
  readonly valid: number;
}

/** All that the model knows, in the order in which it came to be. */
export class Model {
  now = 0;
  features: readonly ModelFeature[] = [];
  withdrawn = "";
  users: ModelUser[] = [];
  lots: ModelLot[] = [];
  holds: ModelHold[] = [];
  sources: Source[] = [];

  copy(): Model {
    const copy = new Model();
    Object.assign(copy, this);
    copy.users = this.users.map((user) => ({ ...user }));
    copy.lots = this.lots.map((lot) => ({ ...lot }));
    copy.holds = this.holds.map((hold) => ({ ...hold }));
    copy.sources = [...this.sources];
    return copy;
  }

  /** Lots start and end by themselves, whoever looks. */
  passTime(until: number): void {
    this.now = until;
    for (const lot of this.lots) {
      if (!lot.started && lot.startsAt <= until) {
        lot.started = true;
        lot.left = lot.amount;
      }
      if (lot.endsAt <= until) lot.left = 0;
    }
  }

  available(user: string): number {
    let total = 0;
    for (const lot of this.lots) if (lot.user === user) total += lot.left;
    return total;
  }

  held(user: string): number {
    let total = 0;
    for (const hold of this.holds) {
      if (hold.user === user && hold.state === "HELD") total += hold.amount;
    }
    return total;
  }

  /** When something ends or begins by itself. */
  moments(): number[] {
    const ofHolds = this.holds.flatMap(({ endsAt, madeAt, spentAt }) => [
      endsAt,
      madeAt + HOUR,
      madeAt + DAY,
      madeAt + 60_000,
      spentAt + REFUND_WINDOW,
    ]);
    const ofLots = this.lots.flatMap(({ startsAt, endsAt }) => [startsAt, endsAt]);
    const ofUsers = this.users.map(({ memberUntil }) => memberUntil);
    return [...ofHolds, ...ofLots, ...ofUsers].filter((moment) => moment < Infinity);
  }

  addLot(terms: Source & { kind: string }, startsAt: number): void {
    const { kind, id, user, amount, priority, valid } = terms;
    const started = startsAt <= this.now;
    const left = started ? amount : 0;
    const times = { madeAt: this.now, startsAt, endsAt: startsAt + valid };
    this.lots.push({ name: `${kind} ${id}`, user, amount, priority, ...times, started, left });
  }

  /** Why a use is refused; "" when it isn't. */
  whyNot(userName: string, featureName: string, quantity: number): string {
    const user = this.users.find((each) => each.name === userName);
    if (!user) return "USER_NOT_FOUND";
    if (user.suspended) return "USER_SUSPENDED";
    if (featureName === this.withdrawn) return "FEATURE_NOT_PUBLISHED";
    const feature = this.features.find((each) => each.name === featureName);
    if (!feature) return "FEATURE_NOT_FOUND";
    if (this.now >= user.memberUntil) return "MEMBERSHIP_REQUIRED";
    if (feature.listed && !feature.listed.includes(userName)) return "FEATURE_ACCESS_DENIED";
    let open = 0;
    let hour = 0;
    let day = 0;
    let cooling = false;
    for (const hold of this.holds) {
      if (hold.user !== userName || hold.feature !== featureName) continue;
      const age = this.now - hold.madeAt;
      if (hold.state === "HELD" && this.now < hold.endsAt) open += 1;
      if (!hold.counts) continue;
      if (age < HOUR) hour += hold.quantity;
      if (age < DAY) day += hold.quantity;
      if (feature.cooldown && age < feature.cooldown * 1000) cooling = true;
    }
    if (feature.inFlight && open >= feature.inFlight) return "IN_FLIGHT_LIMITED";
    if (cooling) return "COOLDOWN_ACTIVE";
    if (feature.perHour && hour + quantity > feature.perHour) return "RATE_LIMITED";
    if (feature.perDay && day + quantity > feature.perDay) return "RATE_LIMITED";
    if (feature.cost * quantity > this.available(userName)) return "QUOTA_INSUFFICIENT";
    return "";
  }

  /** Takes an amount unit by unit, each from the lot that is first at that moment. */
  draw(user: string, amount: number): { lot: string; amount: number }[] {
    const parts: { lot: string; amount: number }[] = [];
    for (let unit = 0; unit < amount; unit++) {
      let first: ModelLot | undefined;
      for (const lot of this.lots) {
        if (lot.user !== user || lot.left === 0) continue;
        if (!first || comesBefore(lot, first)) first = lot;
      }
      if (!first) throw new Error("the model drew more than there is");
      first.left -= 1;
      const part = parts.find(({ lot }) => lot === first.name);
      if (part) part.amount += 1;
      else parts.push({ lot: first.name, amount: 1 });
    }
    return parts;
  }

  /** Gives units back to the lots they came from, without the first `skipped` of them. */
  giveBack(hold: ModelHold, skipped: number, amount: number): void {
    const units = hold.parts.flatMap((part) => Array<string>(part.amount).fill(part.lot));
    for (const name of units.slice(skipped, skipped + amount)) {
      const lot = this.lots.find((each) => each.name === name)!;
      lot.left += 1;
      if (lot.endsAt <= this.now) lot.endsAt = this.now + GRACE;
    }
  }
}

/** The lot that was made first is the earlier one in the array: then both answers are no. */
function comesBefore(lot: ModelLot, other: ModelLot): boolean {
  if (lot.priority !== other.priority) return lot.priority < other.priority;
  if (lot.endsAt !== other.endsAt) return lot.endsAt < other.endsAt;
  return lot.madeAt < other.madeAt;
}
