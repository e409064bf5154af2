import assert from "node:assert/strict";
import { Refusal } from "../../src/billing/refusal.ts";
import { gather } from "../../src/store/gather.ts";

describe("gathering", () => {
  it("serves together what comes together, each with its own result, in bounded groups", async () => {
    const groups: number[] = [];
    const double = gather(
      async (items: readonly number[]) => {
        groups.push(items.length);
        await new Promise(setImmediate);
        return items.map((item) => item * 2);
      },
      { max: 10, atOnce: 2 },
    );
    const items = Array.from({ length: 95 }, (_, at) => at);
    assert.deepEqual(await Promise.all(items.map(double)), items.map((item) => item * 2));
    assert.equal(groups.reduce((sum, size) => sum + size, 0), 95);
    assert.ok(Math.max(...groups) === 10 && groups.length <= 11, groups.join());
    assert.equal(await double(7), 14);
  });

  it("lets nobody fail for another's sake", async () => {
    const check = gather(
      async (items: readonly number[]) => {
        if (items.includes(3)) throw new Error("a bad row");
        return items;
      },
      { max: 10, atOnce: 1 },
    );
    const results = await Promise.allSettled([1, 2, 3, 4].map(check));
    assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected", "fulfilled"]);
  });

  it("tells all at once when the database is away, and tries nothing again", async () => {
    let calls = 0;
    const ask = gather(
      async (): Promise<readonly number[]> => {
        calls += 1;
        throw new Refusal("DATABASE_UNAVAILABLE", "away", {}, { retryAfterMs: 1 });
      },
      { max: 10, atOnce: 1 },
    );
    const results = await Promise.allSettled([1, 2, 3].map(ask));
    assert.ok(results.every(({ status }) => status === "rejected"));
    assert.equal(calls, 1);
  });
});
