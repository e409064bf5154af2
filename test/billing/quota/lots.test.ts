import assert from "node:assert/strict";
import { DAY_MS, HOUR_MS } from "../../../src/billing/clock.ts";
import type { GrantId } from "../../../src/billing/id.ts";
import { byDrawOrder, isLive, type Lot } from "../../../src/billing/quota/lot.ts";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { settleLots } from "../../../src/billing/quota/settle-lots.ts";
import {
  ANN,
  CUT_OUT,
  VIDEO,
  commit,
  grant,
  left,
  refund,
  reserve,
  reserveInput,
  trialLot,
  worldWithAnn,
  worldWithoutQuota,
} from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import type { World } from "../support/world.ts";

describe("the draw order of lots", () => {
  it("takes the smaller priority first, however soon another lot ends", () => {
    const world = worldWithoutQuota();
    const soon = grant(world, 5n, { priority: 51, validMs: HOUR_MS });
    const first = grant(world, 5n, { priority: 50 });
    assertDrawn(world, 7, [[first, 5n], [soon, 2n]]);
  });

  it("takes what ends sooner first, and what never ends last, within a priority", () => {
    const world = worldWithoutQuota();
    const never = grant(world, 5n);
    const later = grant(world, 5n, { validMs: HOUR_MS + 1 });
    const sooner = grant(world, 5n, { validMs: HOUR_MS });
    assertDrawn(world, 12, [[sooner, 5n], [later, 5n], [never, 2n]]);
  });

  it("takes the older of two lots first that end together", () => {
    const world = worldWithoutQuota();
    const endMs = world.nowMs + HOUR_MS;
    const older = grant(world, 5n, { validMs: endMs - world.nowMs });
    world.nowMs += 1;
    const younger = grant(world, 5n, { validMs: endMs - world.nowMs });
    assert.equal(older.expireTimeMs, younger.expireTimeMs);
    assertDrawn(world, 6, [[older, 5n], [younger, 1n]]);
  });

  it("takes the smaller id first when all else is equal, in whatever order rows are read", () => {
    const world = worldWithoutQuota();
    const lots = [grant(world, 1n), grant(world, 1n), grant(world, 1n)];
    const rows = [...world.lots.entries()].toReversed();
    world.lots.clear();
    for (const [grantId, lot] of rows) world.lots.set(grantId, lot);
    assertDrawn(world, 3, lots.map((lot) => [lot, 1n]));
  });

  it("is a total order: no two different lots are equal", () => {
    const base = grant(worldWithAnn(), 1n);
    const lots = [0, 50].flatMap((priority) =>
      [null, 1_000, 2_000].flatMap((expireTimeMs) =>
        [1, 2].flatMap((createTimeMs) =>
          ["grt_1", "grt_2"].map(
            (grantId): Lot =>
              ({ ...base, priority, expireTimeMs, createTimeMs, grantId: grantId as GrantId }),
          ),
        ),
      ),
    );
    for (const one of lots) {
      for (const two of lots) {
        const forth = Math.sign(byDrawOrder(one, two));
        assert.equal(forth, -Math.sign(byDrawOrder(two, one)) + 0);
        assert.equal(forth === 0, one === two);
      }
    }
  });
});

describe("a lot", () => {
  it("is live until the millisecond before its end, and only while it is open", () => {
    const lot = grant(worldWithoutQuota(), 3n, { validMs: HOUR_MS });
    const endMs = lot.expireTimeMs!;
    assert.equal(isLive(lot, endMs - 1), true);
    assert.equal(isLive(lot, endMs), false);
    assert.equal(isLive({ ...lot, expireTimeMs: null }, endMs), true);
    for (const state of ["SCHEDULED", "EXHAUSTED", "EXPIRED"] as const) {
      assert.equal(isLive({ ...lot, state }, endMs - 1), false);
      assert.equal(isLive({ ...lot, state, expireTimeMs: null }, endMs), false);
    }
  });
});

describe("a partial commit", () => {
  it("spends the lots drawn first and gives back the others", () => {
    const world = worldWithoutQuota();
    const lots = [1, 2, 3].map((priority) => grant(world, 4n, { priority }));
    const hold = reserve(world, CUT_OUT, { quantity: 11 });
    assert.deepEqual(lots.map((lot) => left(world, lot)), [0n, 0n, 1n]);
    commit(world, hold, 6n);
    assert.deepEqual(lots.map((lot) => left(world, lot)), [0n, 2n, 4n]);
    assertBooks(world);
  });

  for (const spent of [0n, 1n, 4n, 5n, 8n, 11n]) {
    it(`of ${spent} from lots of 4, 4 and 3 gives them all back by a refund`, () => {
      const world = worldWithoutQuota();
      const lots = [1, 2, 3].map((priority) => grant(world, 4n, { priority }));
      const hold = reserve(world, CUT_OUT, { quantity: 11 });
      commit(world, hold, spent);
      const remaining = lots.map((lot) => left(world, lot));
      assert.equal(remaining.reduce((total, part) => total + part, 0n), 12n - spent);
      refund(world, hold);
      assert.deepEqual(lots.map((lot) => left(world, lot)), [4n, 4n, 4n]);
      assertBooks(world);
    });
  }
});

describe("a refund", () => {
  it("gives back to the very lots, though others come first in the draw order by now", () => {
    const world = worldWithoutQuota();
    const drawn = grant(world, 5n);
    const hold = commit(world, reserve(world, CUT_OUT, { quantity: 4 }));
    const first = grant(world, 5n, { priority: 0 });
    refund(world, hold);
    assert.deepEqual([left(world, drawn), left(world, first)], [5n, 5n]);
  });

  it("opens an exhausted lot again", () => {
    const world = worldWithoutQuota();
    const lot = grant(world, 5n);
    const hold = reserve(world, VIDEO);
    assert.equal(world.lots.get(lot.grantId)!.state, "EXHAUSTED");
    refund(world, hold);
    assert.equal(world.lots.get(lot.grantId)!.state, "OPEN");
    assertBooks(world);
  });
});

describe("lots whose time has come", () => {
  it("lapse before a decision at the very millisecond of their end, and not one before", () => {
    const world = worldWithAnn(10n);
    const endMs = trialLot(world).expireTimeMs!;
    // The membership ends with the trial; this is about the lot.
    world.users.get(ANN)!.membershipUntilMs = endMs + DAY_MS;
    world.nowMs = endMs - 1;
    reserve(world);
    world.nowMs = endMs;
    const refusal = world.refuse(reserveQuota, reserveInput(CUT_OUT));
    assert.equal(refusal.reason, "QUOTA_INSUFFICIENT");
    assert.equal(refusal.facts["available"], "0");
    assert.equal(world.users.get(ANN)!.available, 0n);
    assertBooks(world);
  });

  it("lapse as an operation of our own, whatever becomes of the command", () => {
    const world = worldWithAnn(10n);
    world.nowMs = trialLot(world).expireTimeMs!;
    world.refuse(reserveQuota, reserveInput(CUT_OUT));
    const { method, caller, idempotencyKey } = world.operations.at(-1)!;
    assert.deepEqual([method, caller, idempotencyKey], ["SettleLots", "billing-guard", null]);
    assert.deepEqual(world.logs.at(-1)!.type, "EXPIRE_GRANT");
  });

  it("become effective before a decision at the very millisecond", () => {
    const world = worldWithAnn(1n);
    const lot = schedule(world, 5n, world.nowMs + HOUR_MS, null);
    world.nowMs += HOUR_MS - 1;
    assert.equal(world.refuse(reserveQuota, reserveInput(VIDEO)).reason, "QUOTA_INSUFFICIENT");
    assert.equal(lot.state, "SCHEDULED");
    world.nowMs += 1;
    const { available } = world.accept(reserveQuota, reserveInput(VIDEO)).balance;
    assert.equal(available, 1n);
    const types = world.logs.map(({ type }) => type);
    assert.deepEqual(types, ["GRANT", "ACTIVATE", "RESERVE", "RESERVE"]);
    assertBooks(world);
  });

  it("lapse without having been effective when both times have passed", () => {
    const world = worldWithAnn(1n);
    const lot = schedule(world, 5n, world.nowMs + HOUR_MS, world.nowMs + 2 * HOUR_MS);
    world.nowMs += 2 * HOUR_MS;
    world.accept(settleLots, { userId: ANN }, { key: null });
    assert.deepEqual([lot.state, lot.remaining], ["EXPIRED", 0n]);
    assertBooks(world);
  });

  it("are settled once: a second sweep leaves no trace", () => {
    const world = worldWithAnn(10n);
    world.nowMs = trialLot(world).expireTimeMs!;
    world.accept(settleLots, { userId: ANN }, { key: null });
    const rows = world.logs.length;
    world.accept(settleLots, { userId: ANN }, { key: null });
    assert.equal(world.logs.length, rows);
    assert.equal(world.operations.filter(({ method }) => method === "SettleLots").length, 1);
  });

  it("are named by the balance: when the next of the quota lapses, and how much", () => {
    const world = worldWithAnn(10n);
    const trialEndMs = trialLot(world).expireTimeMs!;
    grant(world, 3n, { priority: 10, validMs: HOUR_MS });
    grant(world, 4n, { priority: 60, validMs: HOUR_MS });
    const endMs = world.nowMs + HOUR_MS;
    const { balance } = world.accept(reserveQuota, reserveInput(CUT_OUT));
    assert.deepEqual(balance, {
      available: 16n,
      held: 1n,
      nextExpireTimeMs: endMs,
      nextExpireAmount: 6n,
    });
    world.nowMs = endMs;
    const later = world.accept(reserveQuota, reserveInput(CUT_OUT)).balance;
    assert.deepEqual([later.nextExpireTimeMs, later.nextExpireAmount], [trialEndMs, 9n]);
  });

  it("are not named when nothing lapses", () => {
    const world = worldWithoutQuota();
    reserve(world);
    grant(world, 3n);
    const { balance } = world.accept(reserveQuota, reserveInput(CUT_OUT));
    assert.deepEqual([balance.nextExpireTimeMs, balance.nextExpireAmount], [null, 0n]);
  });
});

/** A lot as an order makes it whose membership begins later. */
function schedule(world: World, amount: bigint, fromMs: number, toMs: number | null): Lot {
  const lot: Lot = {
    ...trialLot(world),
    grantId: "grt_scheduled" as GrantId,
    amount,
    remaining: 0n,
    effectiveTimeMs: fromMs,
    expireTimeMs: toMs,
    sourceKind: "ORDER",
    sourceId: "ord-1",
    state: "SCHEDULED",
  };
  world.lots.set(lot.grantId, lot);
  return lot;
}

/** Holds uses of what costs 1, and compares the lots that they were drawn from. */
function assertDrawn(
  world: World,
  quantity: number,
  expected: readonly (readonly [Lot, bigint])[],
): void {
  const { allocations } = reserve(world, CUT_OUT, { quantity });
  assert.deepEqual(allocations, expected.map(([{ grantId }, amount]) => ({ grantId, amount })));
  assertBooks(world);
}
