import assert from "node:assert/strict";
import type { ReservationId } from "../../../src/billing/id.ts";
import { explainReservation } from "../../../src/billing/quota/explain-reservation.ts";
import { getBalance } from "../../../src/billing/quota/get-balance.ts";
import { getReservation } from "../../../src/billing/quota/get-reservation.ts";
import { Refusal } from "../../../src/billing/refusal.ts";
import {
  ANN,
  BOB,
  CUT_OUT,
  LIMITED,
  commit,
  grant,
  letExpire,
  limitBy,
  refund,
  reserve,
  trialLot,
  worldWithAnn,
} from "../support/actions.ts";
import { readerOf } from "../support/reader.ts";

describe("ExplainReservation", () => {
  it("gives the rules in their order with what each saw before the reservation", async () => {
    const world = worldWithAnn(10n);
    limitBy(world, { maxPerHour: 5, maxPerDay: 9, cooldownSeconds: 60, maxInFlight: 3 });
    reserve(world, LIMITED, { quantity: 2 });
    world.nowMs += 60_000;
    const { reservationId } = reserve(world, LIMITED, { quantity: 3 });
    const { rules } = await explainReservation(readerOf(world), reservationId);
    assert.deepEqual(rules.map(({ rule, limit, observed }) => [rule, limit, observed]), [
      ["MEMBERSHIP_REQUIRED", "a membership that has not ended", "ends at 2026-12-23T02:00:00Z"],
      ["FEATURE_ACCESS_DENIED", "", "version 1 is open to every member"],
      ["IN_FLIGHT_LIMITED", "3 open holds", "1 open holds"],
      ["COOLDOWN_ACTIVE", "60 seconds between two uses", "last use at 2026-11-23T02:00:00Z"],
      ["RATE_LIMITED", "5 per hour", "2 within the last hour, and 3 more asked for"],
      ["RATE_LIMITED", "9 per day", "2 within the last day, and 3 more asked for"],
      ["QUOTA_INSUFFICIENT", "8 quota units available", "3 needed: 3 of 1"],
    ]);
  });

  it("gives the hold first, however many further refunds have come since", async () => {
    const world = worldWithAnn();
    const hold = reserve(world);
    for (let time = 0; time < 600; time++) refund(world, hold);
    const { logs } = await explainReservation(readerOf(world), hold.reservationId);
    assert.deepEqual(logs.slice(0, 3).map(({ type }) => type), ["RESERVE", "REFUND", "REFUND"]);
  });

  it("says of a feature without limits that nothing was counted", async () => {
    const world = worldWithAnn();
    const { reservationId } = reserve(world);
    const { rules } = await explainReservation(readerOf(world), reservationId);
    const limits = rules.filter(({ rule }) => /LIMITED|COOLDOWN/.test(rule));
    assert.deepEqual(limits.map(({ limit, observed }) => limit + observed), ["", "", "", ""]);
  });

  it("gives every movement, oldest first, and every lot that was ever drawn for it", async () => {
    const world = worldWithAnn(2n);
    const hold = letExpire(world, reserve(world, CUT_OUT, { quantity: 2 }));
    const first = grant(world, 1n, { priority: 1 });
    commit(world, hold);
    refund(world, hold);
    const answer = await explainReservation(readerOf(world), hold.reservationId);
    const types = answer.logs.map(({ type }) => type);
    const anew = ["RESERVE", "RESERVE", "COMMIT", "COMMIT", "REFUND", "REFUND"];
    assert.deepEqual(types, ["RESERVE", "EXPIRE_HOLD", ...anew]);
    const grants = answer.grants.map(({ grantId }) => grantId);
    assert.deepEqual(grants, [first.grantId, trialLot(world).grantId]);
    assert.equal(answer.reservation.state, "REFUNDED");
  });
});

describe("reading what isn't there", () => {
  const reader = readerOf(worldWithAnn());
  const none = "rsv_none" as ReservationId;
  for (const [name, read, reason] of [
    ["ExplainReservation", () => explainReservation(reader, none), "RESERVATION_NOT_FOUND"],
    ["GetReservation", () => getReservation(reader, none), "RESERVATION_NOT_FOUND"],
    ["GetBalance", () => getBalance(reader, BOB), "USER_NOT_FOUND"],
  ] as const) {
    it(`is refused by ${name} as ${reason}`, async () => {
      await assert.rejects(read(), (fault) => fault instanceof Refusal && fault.reason === reason);
    });
  }

  it("is not what a known user and reservation get", async () => {
    const world = worldWithAnn(3n);
    const { reservationId } = reserve(world);
    assert.equal((await getBalance(readerOf(world), ANN)).available, 2n);
    const found = await getReservation(readerOf(world), reservationId);
    assert.equal(found.state, "HELD");
  });
});
