import assert from "node:assert/strict";
import * as fc from "fast-check";

import { compare } from "../../../src/billing/report/compare-bill.ts";
import type { NewCost, UnitPrice } from "../../../src/billing/report/cost.ts";
import {
  decideCosts,
  externalKey,
  priceKey,
  type CostFacts,
  type CostOwner,
} from "../../../src/billing/report/record-costs.ts";
import { amountOf, nextVersion, priceAt } from "../../../src/billing/report/unit-price.ts";
import type { BadField, Refusal } from "../../../src/billing/refusal.ts";

const NOW_MS = Date.UTC(2026, 10, 23);

const cost = (change: Partial<NewCost> = {}): NewCost => ({
  vendor: "runninghub",
  service: "gpu-second",
  userId: null,
  featureId: null,
  taskId: null,
  reservationId: null,
  quantity: null,
  unit: "second",
  amountMicroYuan: 1_500n,
  occurTimeMs: NOW_MS - 1,
  externalId: null,
  ...change,
});

const owner = (change: Partial<Record<keyof CostOwner, string>> = {}) =>
  ({
    reservationId: "rsv_1",
    userId: "alice",
    featureId: "video",
    taskId: "t1",
    ...change,
  }) as CostOwner;

const facts = (change: Partial<CostFacts> = {}): CostFacts => ({
  nowMs: NOW_MS,
  reservations: new Map(),
  ofTask: new Map(),
  prices: new Map(),
  known: new Map(),
  ...change,
});

const price = (change: Partial<UnitPrice> = {}): UnitPrice => ({
  vendor: "runninghub",
  service: "gpu-second",
  version: 1,
  unit: "second",
  priceMicroYuan: 2_000n,
  perQuantity: 1n,
  effectiveTimeMs: 0,
  caller: "finance",
  createTimeMs: 0,
  ...change,
});

/** Any branded id. */
const id = (text: string) => text as never;

describe("RecordCosts", () => {
  it("gives a cost to the user, feature and task of its reservation", () => {
    const reservations = new Map([["rsv_1", owner()]]);
    const given = [cost({ reservationId: id("rsv_1") })];
    const { costs } = decideCosts(facts({ reservations }), given);
    const [{ userId, featureId, taskId }] = costs as [NewCost];
    assert.deepEqual([userId, featureId, taskId], ["alice", "video", "t1"]);
  });

  it("refuses a reservation that isn't there, and one of another user, feature or task", () => {
    const reservations = new Map([["rsv_1", owner()]]);
    const lost = () => decideCosts(facts(), [cost({ reservationId: id("rsv_1") })]);
    assert.throws(lost, { reason: "RESERVATION_NOT_FOUND" });
    for (const change of [
      { userId: id("bob") },
      { featureId: id("picture") },
      { taskId: id("t2") },
    ]) {
      const given = [cost(), cost({ reservationId: id("rsv_1"), ...change })];
      assert.throws(
        () => decideCosts(facts({ reservations }), given),
        (error: Refusal) =>
          error.reason === "COST_ALLOCATION_DIFFERS" && error.facts["index"] === "1",
      );
    }
  });

  it("takes user and feature from the task where one user and feature reserved for it, and else leaves it", () => {
    const given = [cost({ taskId: id("t1") })];
    const one = new Map([["t1", [owner(), owner({ reservationId: "rsv_2" })]]]);
    assert.equal(decideCosts(facts({ ofTask: one }), given).costs[0]?.userId, "alice");
    const two = new Map([["t1", [owner(), owner({ userId: "bob" })]]]);
    assert.equal(decideCosts(facts({ ofTask: two }), given).costs[0]?.userId, null);
    const named = [cost({ taskId: id("t1"), userId: id("bob") })];
    assert.equal(decideCosts(facts({ ofTask: two }), named).costs[0]?.featureId, "video");
  });

  it("prices units by the price that was in force, and refuses what has none", () => {
    const prices = new Map([
      [
        priceKey(cost()),
        [price(), price({ version: 2, priceMicroYuan: 3_000n, effectiveTimeMs: NOW_MS - 1 })],
      ],
    ]);
    const units = (occurTimeMs: number) =>
      decideCosts(facts({ prices }), [cost({ amountMicroYuan: null, quantity: 7n, occurTimeMs })]);
    assert.equal(units(NOW_MS - 2).amountMicroYuan, 14_000n);
    assert.equal(units(NOW_MS - 1).amountMicroYuan, 21_000n);
    const none = () => decideCosts(facts(), [cost({ amountMicroYuan: null, quantity: 7n })]);
    assert.throws(none, { reason: "COST_UNPRICED" });
  });

  it("records one cost under one external id, however often it's told, and refuses another amount", () => {
    const told = cost({ externalId: "x1" });
    const twice = decideCosts(facts(), [told, told, cost()]);
    assert.deepEqual([twice.costs.length, twice.knownCount, twice.amountMicroYuan], [2, 1, 3_000n]);
    const known = new Map([[externalKey("runninghub", "x1"), 1_500n]]);
    assert.equal(decideCosts(facts({ known }), [told]).costs.length, 0);
    const other = () => decideCosts(facts({ known }), [{ ...told, amountMicroYuan: 1n }]);
    assert.throws(other, { reason: "COST_CONFLICT" });
  });

  it("names every moment that is too old or still to come", () => {
    const given = [cost({ occurTimeMs: NOW_MS + 600_000 }), cost(), cost({ occurTimeMs: 0 })];
    assert.throws(
      () => decideCosts(facts(), given),
      (error: BadField) =>
        error.violations.map(({ field }) => field).join() ===
        "costs[0].occur_time,costs[2].occur_time",
    );
  });
});

describe("unit prices", () => {
  it("are rounded half up to a micro-yuan, never by a whole one", () => {
    const amounts = fc.tuple(
      fc.bigInt(0n, 10n ** 12n),
      fc.bigInt(0n, 10n ** 12n),
      fc.bigInt(1n, 10n ** 9n),
    );
    fc.assert(
      fc.property(amounts, ([quantity, priceMicroYuan, perQuantity]) => {
        const doubled =
          2n *
          (amountOf(quantity, { priceMicroYuan, perQuantity }) * perQuantity -
            quantity * priceMicroYuan);
        assert.ok(doubled > -perQuantity && doubled <= perQuantity);
      }),
    );
  });

  it("hold from their moment on until the next begins", () => {
    const prices = [price({ effectiveTimeMs: 100 }), price({ version: 2, effectiveTimeMs: 200 })];
    const versions = [99, 100, 199, 200].map((at) => priceAt(prices, at)?.version);
    assert.deepEqual(versions, [undefined, 1, 1, 2]);
  });

  it("are never set before one that is there", () => {
    const last = price({ version: 3, effectiveTimeMs: 100 });
    assert.equal(nextVersion(price({ effectiveTimeMs: 101 }), last), 4);
    for (const effectiveTimeMs of [99, 100]) {
      assert.throws(() => nextVersion(price({ effectiveTimeMs }), last), {
        reason: "UNIT_PRICE_NOT_LATER",
      });
    }
  });
});

describe("a vendor's bill against what was metered", () => {
  const sums = { service: "s", metered: 1_000n, meteredCount: 1, billed: 1_010n, billedCount: 1 };
  it("differs by more than what is allowed of the billed amount, either way", () => {
    assert.equal(compare(sums, 0n), "AMOUNT_DIFFERS");
    assert.equal(compare(sums, 9n), "AMOUNT_DIFFERS");
    assert.equal(compare(sums, 10n), "MATCHED");
    assert.equal(compare({ ...sums, metered: 1_020n }, 9n), "AMOUNT_DIFFERS");
    assert.equal(compare({ ...sums, metered: 1_010n }, 0n), "MATCHED");
  });
  it("misses what only one side has", () => {
    assert.equal(compare({ ...sums, metered: 0n, meteredCount: 0 }, 1_000n), "MISSING_HERE");
    assert.equal(compare({ ...sums, billed: 0n, billedCount: 0 }, 1_000n), "MISSING_THERE");
  });
});
