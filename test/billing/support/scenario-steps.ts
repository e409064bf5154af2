/** Random scenarios: steps that choose by number from what there is when they are run. */
import * as fc from "fast-check";

/** A command before it is known what its numbers stand for. */
export type Choice =
  | { readonly kind: "register" | "settle"; readonly user: number }
  | { readonly kind: "suspend" | "resume"; readonly user: number }
  | {
      readonly kind: "grant";
      readonly user: number;
      readonly owner: number;
      readonly amount: number;
      readonly priority: number;
      readonly valid: number;
      /** Below the number of sources: one of them again; else a new one. */
      readonly source: number;
    }
  | {
      readonly kind: "reserve" | "batch";
      readonly user: number;
      readonly task: number;
      readonly lines: readonly { readonly feature: number; readonly quantity: number }[];
      readonly ttl: number;
    }
  | { readonly kind: "commit"; readonly hold: number; readonly actual: number }
  | { readonly kind: "refund"; readonly hold: number; readonly reason: string }
  | {
      readonly kind: "refundTask";
      readonly task: number;
      readonly user: number;
      readonly reason: string;
    }
  | { readonly kind: "extend"; readonly hold: number; readonly ttl: number }
  | { readonly kind: "expire"; readonly hold: number };

export interface Sent {
  readonly choice: Choice;
  readonly preview: boolean;
}

/** A command that was sent before, again under its key; changed when `change` says so. */
export interface Again {
  readonly again: number;
  readonly change: boolean;
  readonly preview: boolean;
}

export type Step =
  | { readonly step: "serve"; readonly batch: readonly (Sent | Again)[] }
  | { readonly step: "wait"; readonly ms: number }
  /** To the moment at which something ends or begins by itself, or a millisecond beside it. */
  | { readonly step: "wait for"; readonly which: number; readonly off: number }
  /** The sweeper comes: it expires every overdue hold. */
  | { readonly step: "sweep" }
  /** What other use cases will do: another end of a membership, a lot that begins later. */
  | { readonly step: "renew"; readonly user: number; readonly ms: number }
  | {
      readonly step: "schedule";
      readonly user: number;
      readonly amount: number;
      readonly priority: number;
      readonly after: number;
      readonly valid: number;
    };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const user = fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 1, 1, 2);
const task = fc.nat(3);
/** The young ones more often; 12 is one that doesn't exist. */
const hold = fc.oneof(fc.nat(2), fc.nat(12));
const ttl = fc.constantFrom(1_000, 30_000, 15 * MINUTE, HOUR, 23 * HOUR, DAY);
const priority = fc.constantFrom(0, 10, 40, 40, 100);
const valid = fc.constantFrom(1_000, MINUTE, HOUR, HOUR, DAY, 2 * DAY, Infinity);
const amount = fc.integer({ min: 1, max: 4 });
const named = fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 7);
const line = fc.record({ feature: named, quantity: fc.constantFrom(1, 1, 1, 2, 3, 4) });
const reason = fc.constantFrom(
  "STEP_FAILED",
  "TIMEOUT",
  "CANCELLED_BEFORE_START",
  "CANCELLED_BEFORE_START",
  "SUBJECTIVE",
);

function choice(
  weight: number,
  kind: Choice["kind"],
  rest: Record<string, fc.Arbitrary<unknown>>,
) {
  const arbitrary = fc.record({ kind: fc.constant(kind), ...rest });
  return { weight, arbitrary: arbitrary as unknown as fc.Arbitrary<Choice> };
}

const CHOICE = fc.oneof(
  choice(2, "register", { user }),
  choice(5, "grant", { user, owner: user, amount, priority, valid, source: fc.nat(8) }),
  choice(20, "reserve", { user, task, lines: fc.tuple(line), ttl }),
  choice(7, "batch", { user, task, lines: fc.array(line, { minLength: 1, maxLength: 3 }), ttl }),
  choice(7, "commit", { hold, actual: fc.integer({ min: -4, max: 4 }) }),
  choice(5, "refund", { hold, reason }),
  choice(3, "refundTask", { task, user, reason }),
  choice(3, "extend", { hold, ttl }),
  choice(3, "expire", { hold }),
  choice(1, "settle", { user }),
  choice(1, "suspend", { user }),
  choice(3, "resume", { user }),
);

const preview = fc.nat(9).map((number) => number === 9);
const SENT: fc.Arbitrary<Sent> = fc.record({ choice: CHOICE, preview });
const AGAIN: fc.Arbitrary<Again> = fc.record({ again: fc.nat(20), change: fc.boolean(), preview });
const COMMAND = fc.oneof({ weight: 6, arbitrary: SENT }, { weight: 1, arbitrary: AGAIN });

const serve = (minLength: number, maxLength: number): fc.Arbitrary<Step> =>
  fc.record({
    step: fc.constant("serve" as const),
    batch: fc.array(COMMAND, { minLength, maxLength }),
  });

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: serve(1, 1) },
  { weight: 3, arbitrary: serve(2, 4) },
  {
    weight: 2,
    arbitrary: fc.record({
      step: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 999, 1_000, 20_000, MINUTE, 20 * MINUTE, HOUR, 5 * HOUR),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant("wait for" as const),
      which: fc.nat(4),
      off: fc.constantFrom(-1, 0, 0, 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ step: fc.constant("sweep" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      step: fc.constant("renew" as const),
      user,
      ms: fc.constantFrom(1_000, HOUR, 400 * DAY, 400 * DAY, 400 * DAY),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      step: fc.constant("schedule" as const),
      user,
      amount,
      priority,
      after: fc.constantFrom(1_000, MINUTE, HOUR),
      valid,
    }),
  },
);

/** Up to 60 steps, evenly long and short: what is rare happens late. */
export const SCENARIO: fc.Arbitrary<Step[]> = fc.noBias(
  fc.array(STEP, { maxLength: 60, size: "max" }),
);
