import assert from "node:assert/strict";
import { inspect } from "../../src/review/inspect.ts";
import { vocabularyOf } from "../../src/review/vocabulary.ts";

const FILE = {
  path: "src/render.ts",
  content: `import { db } from "./db";
export async function start(id: string, seconds: number) {
  await db("studios").where({ id }).decrement("render_budget", seconds);
}
`,
};

describe("names of one's own", () => {
  const rulesBy = (balanceColumns: readonly string[]): string[] =>
    inspect([FILE], { strict: false, vocabulary: { balanceColumns }, at: () => undefined }).findings.map(
      ({ ruleId, severity }) => `${ruleId} ${severity}`,
    );

  it("are judged as those that the reviewer knows, in any spelling, although no word of the file is about quota", () => {
    assert.deepEqual(rulesBy([]), []);
    for (const name of ["render_budget", "renderBudget", "RENDER-BUDGET"])
      assert.deepEqual(rulesBy([name]), ["BG001 FAIL"], name);
  });

  it("make a balance of what is only a stock", () => {
    const own = vocabularyOf({ balanceColumns: ["stock"] });
    const common = vocabularyOf();
    assert.deepEqual([own.isGoods("stock", "product"), common.isGoods("stock", "product")], [false, true]);
    assert.ok(own.isBalance("stock") && common.isBalance("stock"));
  });
});

describe("a name", () => {
  const known = vocabularyOf();
  const said = (holds: (name: string) => boolean, names: readonly string[]): string[] => names.filter(holds);

  it("means a balance by its words, and by its table where it is only an amount", () => {
    const balances = ["credits", "aiCredits", "coin_balance", "quota_remaining", "tokensLeft", "剩余额度"];
    const others = [
      "credit_limit",
      "refresh_token",
      "creditsTotal",
      "balance_before",
      "amount",
      "count",
      "name",
    ];
    assert.deepEqual(
      said((name) => known.isBalance(name), [...balances, ...others]),
      balances,
    );
    const tables = ["wallet", "user_credit", "payment", "user"];
    assert.deepEqual(
      said((table) => known.isBalance("amount", table), tables),
      ["wallet", "user_credit"],
    );
  });

  it("means what was spent by its words, and by its table where it only counts", () => {
    const used = ["credits_used", "quotaUsed", "tokens_consumed"];
    assert.deepEqual(
      said((name) => known.isUsed(name), [...used, "used_at", "usage_date", "count"]),
      used,
    );
    const tables = ["user_api_limit", "ai_usage", "rate_limit", "page"];
    assert.deepEqual(
      said((table) => known.isUsed("count", table), tables),
      ["user_api_limit", "ai_usage"],
    );
  });
});
