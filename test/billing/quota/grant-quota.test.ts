import assert from "node:assert/strict";
import { DAY_MS } from "../../../src/billing/clock.ts";
import type { UserId } from "../../../src/billing/id.ts";
import { grantQuota } from "../../../src/billing/quota/grant-quota.ts";
import { sourceKey } from "../../../src/billing/quota/serve.ts";
import { registerUser } from "../../../src/billing/membership/register-user.ts";
import { ANN, BOB, CUT_OUT, grant, register, reserve, worldWithAnn } from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import { refused, type World } from "../support/world.ts";

const SOURCE = { kind: "ADJUSTMENT", id: "apr-1" } as const;
const FACTS = { sourceKind: "ADJUSTMENT", sourceId: "apr-1" };

function approve(world: World, userId: UserId = ANN): void {
  const terms = { ...SOURCE, userId, amount: 7n, priority: 3, validMs: DAY_MS, usedBy: null };
  world.sources.set(sourceKey(SOURCE), terms);
}

function ask(userId: UserId = ANN) {
  return { useCase: grantQuota, input: { userId, source: SOURCE } };
}

describe("GrantQuota", () => {
  it("gives a lot on the source's terms, effective at once", () => {
    const world = worldWithAnn(10n);
    approve(world);
    const { lot, balance } = world.accept(grantQuota, ask().input);
    const { amount, remaining, priority, state, sourceKind, sourceId } = lot;
    assert.deepEqual([amount, remaining, priority, state], [7n, 7n, 3, "OPEN"]);
    assert.deepEqual([sourceKind, sourceId], ["ADJUSTMENT", "apr-1"]);
    assert.equal(lot.effectiveTimeMs, world.nowMs);
    assert.equal(lot.expireTimeMs, world.nowMs + DAY_MS);
    assert.equal(balance.available, 17n);
    assert.equal(world.logs.at(-1)!.description, "ADJUSTMENT apr-1");
    assertBooks(world);
  });

  it("refuses what no lawful source stands behind", () => {
    const world = worldWithAnn();
    for (const kind of ["ORDER", "ADJUSTMENT"] as const) {
      const refusal = world.refuse(grantQuota, { userId: ANN, source: { kind, id: "x" } });
      assert.equal(refusal.reason, "GRANT_SOURCE_UNLAWFUL");
      assert.deepEqual(refusal.facts, { sourceKind: kind, sourceId: "x" });
    }
  });

  it("refuses a source of the same id but another kind", () => {
    const world = worldWithAnn();
    approve(world);
    const source = { kind: "ORDER", id: "apr-1" } as const;
    const refusal = world.refuse(grantQuota, { userId: ANN, source });
    assert.equal(refusal.reason, "GRANT_SOURCE_UNLAWFUL");
  });

  it("refuses a source that is another user's, used or not", () => {
    const world = worldWithAnn();
    register(world, BOB);
    approve(world);
    const before = world.refuse(grantQuota, ask(BOB).input);
    assert.deepEqual([before.reason, before.facts], ["GRANT_SOURCE_UNLAWFUL", FACTS]);
    world.accept(grantQuota, ask().input);
    assert.equal(world.refuse(grantQuota, ask(BOB).input).reason, "GRANT_SOURCE_UNLAWFUL");
  });

  it("gives a source's quota once, and names the lot that it gave", () => {
    const world = worldWithAnn();
    approve(world);
    const { lot } = world.accept(grantQuota, ask().input);
    const refusal = world.refuse(grantQuota, ask().input);
    assert.equal(refusal.reason, "GRANT_SOURCE_USED");
    assert.deepEqual(refusal.facts, { ...FACTS, grantId: lot.grantId });
  });

  it("gives it once even to two commands of one batch", () => {
    const world = worldWithAnn(10n);
    register(world, BOB);
    approve(world);
    const [first, second, bobs] = world.sendAll([ask(), ask(), ask(BOB)] as never);
    assert.ok("answer" in first!);
    assert.equal(refused(second!).reason, "GRANT_SOURCE_USED");
    assert.equal(refused(bobs!).reason, "GRANT_SOURCE_UNLAWFUL");
    assert.equal(world.users.get(ANN)!.available, 17n);
    assertBooks(world);
  });

  it("gives it once though its lot is drawn empty by then", () => {
    const world = worldWithAnn(1n);
    approve(world);
    world.accept(grantQuota, ask().input);
    reserve(world, CUT_OUT, { quantity: 8 });
    assert.equal(world.refuse(grantQuota, ask().input).reason, "GRANT_SOURCE_USED");
  });

  it("leaves a source unused by a preview and by a refusal", () => {
    const world = worldWithAnn();
    approve(world, BOB);
    world.refuse(grantQuota, ask().input);
    assert.equal(world.refuse(grantQuota, ask(BOB).input).reason, "USER_NOT_FOUND");
    register(world, BOB);
    world.accept(grantQuota, ask(BOB).input, { validateOnly: true });
    world.accept(grantQuota, ask(BOB).input);
  });

  it("gives nothing to a user whose registration is only previewed in the same batch", () => {
    const world = worldWithAnn();
    approve(world, BOB);
    const preview = { validateOnly: true };
    const [, granted] = world.sendAll([
      { useCase: registerUser, input: { userId: BOB }, options: preview },
      ask(BOB),
    ] as never);
    assert.equal(refused(granted!).reason, "USER_NOT_FOUND");
    assert.equal(world.users.has(BOB), false);
  });

  it("makes a lot that never lapses where the source says so", () => {
    const lot = grant(worldWithAnn(), 3n, { validMs: null });
    assert.equal(lot.expireTimeMs, null);
  });
});
