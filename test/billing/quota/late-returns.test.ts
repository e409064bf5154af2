import assert from "node:assert/strict";
import { DAY_MS, HOUR_MS } from "../../../src/billing/clock.ts";
import { RETURN_GRACE_MS } from "../../../src/billing/quota/lot.ts";
import { reserveQuota } from "../../../src/billing/quota/reserve-quota.ts";
import { settleLots } from "../../../src/billing/quota/settle-lots.ts";
import {
  ANN,
  CUT_OUT,
  commit,
  grant,
  left,
  letExpire,
  refund,
  reserve,
  reserveInput,
  worldWithoutQuota,
} from "../support/actions.ts";
import { assertBooks } from "../support/books.ts";
import type { World } from "../support/world.ts";

describe("quota that comes back too late", () => {
  const held = (world: World) => [...world.reservations.values()][0]!;
  const WAYS: Record<string, { before?: (world: World) => void; late: (world: World) => void }> = {
    "a refund": { late: (world) => refund(world, held(world)) },
    "a refund after a commit": {
      before: (world) => commit(world, held(world)),
      late: (world) => refund(world, held(world)),
    },
    "a partial commit": { late: (world) => commit(world, held(world), 0n) },
    "expiry": { late: (world) => letExpire(world, held(world)) },
  };
  for (const [way, { before, late }] of Object.entries(WAYS)) {
    for (const swept of [false, true]) {
      it(`by ${way} ${swept ? "after" : "before"} the sweeper came can be used for a grace`, () => {
        const world = worldWithoutQuota();
        const lot = grant(world, 6n, { validMs: HOUR_MS });
        reserve(world, CUT_OUT, { quantity: 4, ttlMs: HOUR_MS });
        before?.(world);
        world.nowMs = lot.expireTimeMs! + 5;
        if (swept) world.accept(settleLots, { userId: ANN }, { key: null });
        late(world);
        const row = world.lots.get(lot.grantId)!;
        assert.equal(row.remaining, 4n, "what was left lapsed, and what was held is back");
        assert.equal(row.expireTimeMs, world.nowMs + RETURN_GRACE_MS);
        assertBooks(world);
        world.nowMs = row.expireTimeMs - 1;
        reserve(world, CUT_OUT, { quantity: 4 });
      });
    }
  }

  it("lapses when the grace is over", () => {
    const world = worldWithoutQuota();
    const lot = grant(world, 4n, { validMs: HOUR_MS });
    const hold = reserve(world, CUT_OUT, { quantity: 4 });
    world.nowMs = lot.expireTimeMs!;
    refund(world, hold);
    world.nowMs += RETURN_GRACE_MS;
    world.refuse(reserveQuota, reserveInput(CUT_OUT, { quantity: 2 }));
    assert.deepEqual([left(world, lot), world.lots.get(lot.grantId)!.state], [0n, "EXPIRED"]);
    assertBooks(world);
  });

  it("keeps its end when it comes back in time", () => {
    const world = worldWithoutQuota();
    const lot = grant(world, 4n, { validMs: HOUR_MS });
    const hold = reserve(world, CUT_OUT, { quantity: 4 });
    world.nowMs = lot.expireTimeMs! - 1;
    refund(world, hold);
    assert.equal(world.lots.get(lot.grantId)!.expireTimeMs, lot.expireTimeMs);
  });

  it("keeps the grace of what came back before it", () => {
    const world = worldWithoutQuota();
    const lot = grant(world, 4n, { validMs: HOUR_MS });
    const [one, two] = [reserve(world), reserve(world)];
    world.nowMs = lot.expireTimeMs!;
    refund(world, one);
    const graceMs = world.nowMs + RETURN_GRACE_MS;
    world.nowMs += DAY_MS;
    refund(world, two);
    assert.equal(world.lots.get(lot.grantId)!.expireTimeMs, graceMs);
    assert.equal(left(world, lot), 2n);
  });
});
