import assert from "node:assert/strict";
import { DAY_MS } from "../../../src/billing/clock.ts";
import type { ReservationId } from "../../../src/billing/id.ts";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import { resumeUser, suspendUser } from "../../../src/billing/membership/suspend-user.ts";
import { commitQuota } from "../../../src/billing/quota/commit-quota.ts";
import { extendReservation } from "../../../src/billing/quota/extend-reservation.ts";
import { refundQuota } from "../../../src/billing/quota/refund-quota.ts";
import { batchReserveQuota, reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { differingField } from "../../../src/billing/quota/serve.ts";
import {
  ANN,
  BOB,
  CUT_OUT,
  VIDEO,
  batchInput,
  commit,
  emptyWorld,
  grant,
  letExpire,
  refund,
  refundInput,
  register,
  reserve,
  reserveInput,
  worldWithAnn,
} from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import { CASES, OTHER } from "../support/idempotency-cases.ts";
import { accepted, refused, type World } from "../support/world.ts";

describe("an idempotency key", () => {
  for (const [name, { useCase, prepare, changes }] of Object.entries(CASES)) {
    const key = { key: "the-key" };

    it(`answers ${name} as the first time, for ever, whatever has changed since`, () => {
      const { world, input } = prepare();
      const first = world.send(useCase, input as never, key);
      const text = textOf(accepted(first));
      assert.equal("replayed" in first && first.replayed, false);
      for (const change of LATER) {
        change(world);
        const operations = world.operations.length;
        const again = world.send(useCase, input as never, key);
        assert.equal(textOf(accepted(again)), text);
        assert.equal("replayed" in again && again.replayed, true);
        assert.equal(world.operations.length, operations, "a replay leaves no trace");
      }
      assertBooks(world);
    });

    it(`answers ${name} again within one batch, and decides it once`, () => {
      const { world, input } = prepare();
      const command = { useCase, input, options: key };
      const results = world.sendAll([command, command, command] as never);
      const texts = results.map((result) => textOf(accepted(result)));
      assert.deepEqual(texts, [texts[0], texts[0], texts[0]]);
      assert.deepEqual(
        results.map((result) => "replayed" in result && result.replayed),
        [false, true, true],
      );
      assertBooks(world);
    });

    for (const [field, change] of Object.entries(changes)) {
      it(`is refused for another ${name}: ${field} is named`, () => {
        const { world, input } = prepare();
        world.accept(useCase, input as never, key);
        const refusal = world.refuse(useCase, change(input as never) as never, key);
        assert.equal(refusal.reason, "IDEMPOTENCY_KEY_REUSED");
        assert.deepEqual(refusal.facts, { method: useCase.method, field });
      });
    }

    it(`is not used up by a preview of ${name}, which answers as the call itself would`, () => {
      const { world, input } = prepare();
      const before = textOf(rowsOf(world));
      const preview = world.accept(useCase, input as never, { ...key, validateOnly: true });
      assert.equal(textOf(rowsOf(world)), before, "a preview changes nothing");
      const real = world.accept(useCase, input as never, key);
      assert.equal(withoutNewIds(textOf(preview)), withoutNewIds(textOf(real)));
      const replayed = world.accept(useCase, input as never, { ...key, validateOnly: true });
      assert.equal(textOf(replayed), textOf(real), "with a used key a preview is a replay too");
    });
  }

  it("is left unused by a refusal", () => {
    const world = worldWithAnn(4n);
    const input = reserveInput(VIDEO);
    world.refuse(reserveQuota, input, { key: "k" });
    grant(world, 1n);
    world.accept(reserveQuota, { ...input, labels: { other: "content" } }, { key: "k" });
    assertBooks(world);
  });

  it("is used by the first of two different commands of one batch", () => {
    const world = worldWithAnn();
    const options = { key: "k" };
    const [first, second] = world.sendAll([
      { useCase: reserveQuota, input: reserveInput(CUT_OUT), options },
      { useCase: reserveQuota, input: reserveInput(VIDEO), options },
    ] as never);
    accepted(first!);
    assert.deepEqual(refused(second!).facts, { method: "ReserveQuota", field: "feature_id" });
  });

  it("is each method's own", () => {
    const world = emptyWorld(20n);
    const options = { key: "k" };
    world.accept(registerUser, { userId: ANN }, options);
    const { reservation } = world.accept(reserveQuota, reserveInput(CUT_OUT), options);
    const lines = batchInput(["cut-out"]);
    const [inBatch] = world.accept(batchReserveQuota, lines, options).reservations;
    const { reservationId } = reservation;
    world.accept(extendReservation, { reservationId, ttlMs: 7_200_000 }, options);
    world.accept(commitQuota, { reservationId, actualAmount: null }, options);
    world.accept(refundQuota, refundInput({ ...inBatch! }), options);
    world.accept(suspendUser, { userId: ANN, reason: "" }, options);
    world.accept(resumeUser, { userId: ANN, reason: "" }, options);
    assertBooks(world);
  });

  it("is one for all users, so one user's key is not another's", () => {
    const world = worldWithAnn();
    register(world, BOB);
    const input = reserveInput(CUT_OUT);
    world.accept(reserveQuota, input, { key: "k" });
    const refusal = world.refuse(reserveQuota, { ...input, userId: BOB }, { key: "k" });
    assert.deepEqual(refusal.facts, { method: "ReserveQuota", field: "user_id" });
  });

  it("takes labels in any order for the same content", () => {
    const world = worldWithAnn();
    const input = reserveInput(CUT_OUT);
    world.accept(reserveQuota, { ...input, labels: { a: "1", b: "2" } }, { key: "k" });
    world.accept(reserveQuota, { ...input, labels: { b: "2", a: "1" } }, { key: "k" });
    assert.equal(world.reservations.size, 1);
  });

  it("names the first field of the proto that differs when several do", () => {
    const world = worldWithAnn();
    const input = reserveInput(CUT_OUT);
    world.accept(reserveQuota, input, { key: "k" });
    const other = { ...input, quantity: 2, taskId: OTHER, ttlMs: 1_000 };
    const { facts } = world.refuse(reserveQuota, other, { key: "k" });
    assert.equal(facts["field"], "task_id");
  });

  it("takes a field that is newer than the stored content for empty there", () => {
    assert.equal(differingField(["a"], { old: "a", added: "" }), undefined);
    assert.equal(differingField(["a"], { old: "a", added: "x" }), "added");
  });
});

/** What happens after the first answer, one thing after the other. */
const LATER: readonly ((world: World) => void)[] = [
  () => {},
  (world) => forEachHeld(world, (hold) => commit(world, hold)),
  (world) => void world.accept(resumeUser, { userId: ANN, reason: "later" }),
  (world) => void reserve(world),
  (world) => {
    for (const each of world.reservations.values()) refund(world, each, "CANCELLED_BEFORE_START");
  },
  (world) => void letExpire(world, reserve(world)),
  (world) => void world.accept(suspendUser, { userId: ANN, reason: "later" }),
  (world) => void (world.nowMs += 1_000 * DAY_MS),
  (world) => world.features.clear(),
];

function forEachHeld(world: World, act: (hold: { reservationId: ReservationId }) => void): void {
  for (const each of world.reservations.values()) if (each.state === "HELD") act(each);
}

/** All bytes of an answer. */
function textOf(answer: unknown): string {
  return JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}

function withoutNewIds(text: string): string {
  return text.replaceAll(/"(rsv|grt)_\w+"/g, '"$1"');
}

function rowsOf(world: World): unknown {
  const { users, lots, reservations, operations, logs } = world;
  return [...[users, lots, reservations].map((rows) => [...rows]), operations, logs];
}
