import assert from "node:assert/strict";
import { commitQuota } from "../../../src/billing/quota/commit-quota.ts";
import { extendReservation } from "../../../src/billing/quota/extend-reservation.ts";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import type { Reservation, ReservationState } from "../../../src/billing/quota/reservation.ts";
import { sum } from "../../../src/billing/money.ts";
import type { ReservationId } from "../../../src/billing/id.ts";
import {
  ANN,
  CUT_OUT,
  commit,
  expire,
  grant,
  letExpire,
  refund,
  refundInput,
  reserve,
  worldWithAnn,
} from "../support/actions.ts";
import type { Reason } from "../../../src/billing/refusal.ts";
import { assertBooks } from "../support/books.ts";
import { refused, type Result, type World } from "../support/world.ts";

/** The states that a reservation of 6 quota units can be in, and how each is reached. */
const REACH = {
  "HELD": () => {},
  "HELD, overdue": (world, held) => void (world.nowMs = held.expireTimeMs),
  "COMMITTED in full": (world, held) => void commit(world, held),
  "COMMITTED in part": (world, held) => void commit(world, held, 4n),
  "COMMITTED with nothing": (world, held) => void commit(world, held, 0n),
  "COMMITTED, window over": (world, held) => {
    commit(world, held);
    world.nowMs += world.refundWindowMs;
  },
  "COMMITTED after expiry": (world, held) => {
    letExpire(world, held);
    commit(world, held, 5n);
  },
  "EXPIRED": (world, held) => void letExpire(world, held),
  "EXPIRED, balance spent": (world, held) => {
    letExpire(world, held);
    commit(world, reserve(world, CUT_OUT, { quantity: 10 }));
  },
  "REFUNDED": (world, held) => void refund(world, held),
  "REFUNDED after commit": (world, held) => void refund(world, commit(world, held)),
  "REFUNDED after expiry": (world, held) => void refund(world, letExpire(world, held)),
} satisfies Record<string, (world: World, held: Reservation) => void>;

type Reached = keyof typeof REACH;

const CALLS = {
  commit: (world, reservationId) => world.send(commitQuota, { reservationId, actualAmount: null }),
  "commit 4": (world, reservationId) =>
    world.send(commitQuota, { reservationId, actualAmount: 4n }),
  "commit 7": (world, reservationId) =>
    world.send(commitQuota, { reservationId, actualAmount: 7n }),
  refund: (world, reservationId) => world.send(refundQuota, refundInput({ reservationId })),
  extend: (world, reservationId) => world.send(extendReservation, { reservationId, ttlMs: 60_000 }),
  expire: (world, reservationId) => {
    const answer = expire(world, world.reservations.get(reservationId)!);
    return { answer, replayed: false };
  },
} satisfies Record<string, (world: World, reservationId: ReservationId) => Result<unknown>>;

/** The state after it with what is spent and given back, `same` for no change, or the refusal. */
type Expected = readonly [ReservationState, bigint, bigint] | "same" | Reason;

const SPENT = ["COMMITTED", 6n, 0n] as const;
const SPENT_4 = ["COMMITTED", 4n, 2n] as const;
const BACK = ["REFUNDED", 0n, 6n] as const;
const HELD = ["HELD", 0n, 0n] as const;
const TOO_MUCH = "COMMIT_EXCEEDS_RESERVATION";
const OF_COMMITTED = {
  commit: "RESERVATION_NOT_HELD",
  "commit 4": "RESERVATION_NOT_HELD",
  "commit 7": "RESERVATION_NOT_HELD",
  refund: BACK,
  extend: "RESERVATION_NOT_HELD",
  expire: "same",
} as const;
const OF_REFUNDED = {
  commit: "ALREADY_REFUNDED",
  "commit 4": "ALREADY_REFUNDED",
  "commit 7": "ALREADY_REFUNDED",
  refund: "same",
  extend: "RESERVATION_NOT_HELD",
  expire: "same",
} as const;
const OF_EXPIRED = {
  commit: SPENT,
  "commit 4": SPENT_4,
  "commit 7": TOO_MUCH,
  refund: BACK,
  extend: "RESERVATION_NOT_HELD",
  expire: "same",
} as const;
const OF_HELD = {
  commit: SPENT,
  "commit 4": SPENT_4,
  "commit 7": TOO_MUCH,
  refund: BACK,
  extend: HELD,
  expire: "same",
} as const;

const TABLE: Record<Reached, Record<keyof typeof CALLS, Expected>> = {
  "HELD": OF_HELD,
  // As long as no sweeper has been there, an overdue hold can be settled and even extended.
  "HELD, overdue": { ...OF_HELD, expire: ["EXPIRED", 0n, 6n] },
  "COMMITTED in full": OF_COMMITTED,
  "COMMITTED in part": OF_COMMITTED,
  "COMMITTED with nothing": OF_COMMITTED,
  "COMMITTED, window over": { ...OF_COMMITTED, refund: "REFUND_NOT_ELIGIBLE" },
  "COMMITTED after expiry": OF_COMMITTED,
  "EXPIRED": OF_EXPIRED,
  "EXPIRED, balance spent": {
    ...OF_EXPIRED,
    commit: "RESERVATION_EXPIRED",
    "commit 4": "RESERVATION_EXPIRED",
  },
  "REFUNDED": OF_REFUNDED,
  "REFUNDED after commit": OF_REFUNDED,
  "REFUNDED after expiry": OF_REFUNDED,
};

describe("the reservation state machine", () => {
  for (const [reached, calls] of Object.entries(TABLE) as [Reached, (typeof TABLE)[Reached]][]) {
    for (const [call, expected] of Object.entries(calls) as [keyof typeof CALLS, Expected][]) {
      it(`answers ${call} when ${reached} with ${nameOf(expected)}`, () => {
        const world = worldWithAnn(10n);
        const { reservationId } = reach(world, reached);
        const before = world.reservations.get(reservationId)!;
        const balance = { ...world.users.get(ANN)! };
        const result = CALLS[call](world, reservationId);
        const after = world.reservations.get(reservationId)!;
        if (typeof expected === "string") {
          assert.deepEqual(after, before);
          const { available, held } = world.users.get(ANN)!;
          assert.deepEqual([available, held], [balance.available, balance.held]);
          if (expected !== "same") assert.equal(refused(result).reason, expected);
        } else {
          const { state, committedAmount, refundedAmount } = after;
          assert.deepEqual([state, committedAmount, refundedAmount], expected);
          const { available, held } = world.users.get(ANN)!;
          const spent = [...world.reservations.values()].map((each) => each.committedAmount);
          const now = state === "HELD" ? [4n, 6n] : [10n - sum(spent), 0n];
          assert.deepEqual([available, held], now);
        }
        assertBooks(world);
      });
    }
  }

  it("says in which state a reservation is eligible for a refund", () => {
    const eligible = (reached: Reached): boolean => {
      const world = worldWithAnn(10n);
      return world.reservations.get(reach(world, reached).reservationId)!.eligibleForRefund;
    };
    assert.equal(eligible("HELD"), true);
    assert.equal(eligible("COMMITTED in full"), true);
    assert.equal(eligible("COMMITTED after expiry"), true);
    assert.equal(eligible("EXPIRED"), false);
    assert.equal(eligible("REFUNDED"), false);
  });

  for (const call of ["commit", "refund", "extend"] as const) {
    it(`refuses to ${call} what doesn't exist`, () => {
      const world = worldWithAnn();
      const refusal = refused(CALLS[call](world, "rsv_none" as ReservationId));
      assert.equal(refusal.reason, "RESERVATION_NOT_FOUND");
      assert.deepEqual(refusal.facts, { reservationId: "rsv_none" });
    });
  }

  it("leaves the same end whichever of commit and refund comes first", () => {
    for (const order of [["commit", "refund"], ["refund", "commit"]] as const) {
      const world = worldWithAnn(10n);
      const { reservationId } = reach(world, "HELD");
      for (const call of order) CALLS[call](world, reservationId);
      assert.equal(world.reservations.get(reservationId)!.state, "REFUNDED");
      assert.equal(world.users.get(ANN)!.available, 10n);
      assertBooks(world);
    }
  });

  it("charges a commit after expiry from the lots that there are then", () => {
    const world = worldWithAnn(6n);
    const held = reach(world, "HELD");
    letExpire(world, held);
    const first = grant(world, 4n, { priority: 0 });
    const { reservation } = world.accept(commitQuota, { ...held, actualAmount: null });
    assert.deepEqual(reservation.allocations[0], { grantId: first.grantId, amount: 4n });
    assert.equal(reservation.allocations[1]!.amount, 2n);
    assert.equal(reservation.amount, 6n);
    refund(world, reservation);
    assert.equal(world.lots.get(first.grantId)!.remaining, 4n);
    assertBooks(world);
  });

  it("lets a commit of nothing after expiry pass whatever the balance is", () => {
    const world = worldWithAnn(10n);
    const held = reach(world, "EXPIRED, balance spent");
    const { state, committedAmount, refundedAmount } = commit(world, held, 0n);
    assert.deepEqual([state, committedAmount, refundedAmount], ["COMMITTED", 0n, 6n]);
    assertBooks(world);
  });
});

function nameOf(expected: Expected): string {
  if (expected === "same") return "what it is already";
  if (typeof expected === "string") return expected;
  const [state, spent, back] = expected;
  return `${state}, ${spent} spent and ${back} back`;
}

function reach(world: World, reached: Reached): Reservation {
  const held = reserve(world, CUT_OUT, { quantity: 6 });
  REACH[reached](world, held);
  return held;
}
