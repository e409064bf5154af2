import assert from "node:assert/strict";
import { scoreRules } from "../../../src/demo/anomalies.ts";

describe("the rules of alerts over labelled synthetic months", () => {
  it("find nine of ten of what was planted, and nine of ten of what they tell was planted", () => {
    for (const seed of [101, 102, 103]) {
      const scores = scoreRules(seed);
      const { planted, precision, recall } = scores.at(-1)!;
      assert.ok(planted >= 90, `${planted} planted`);
      assert.ok(precision >= 0.9, `seed ${seed}: precision ${precision}`);
      assert.ok(recall >= 0.9, `seed ${seed}: recall ${recall}`);
      // No rule hides behind the others.
      for (const { name, recall: own } of scores) assert.ok(own >= 0.8, `${name} finds ${own}`);
    }
  });
});
