import assert from "node:assert/strict";
import * as fc from "fast-check";
import { PLANTS } from "../support/plants.ts";
import { Scenario } from "../support/scenario.ts";
import { SCENARIO } from "../support/scenario-steps.ts";

/** The same scenarios in every run: what is found once is found always. */
const RUNS = { numRuns: 3_000, seed: 20_261_123, endOnFailure: true };

describe("the scenarios of the model test", () => {
  for (const [name, plant] of Object.entries(PLANTS)) {
    it(`find ${name}`, () => {
      const same = fc.property(SCENARIO, (steps) => new Scenario(plant).run(steps));
      const { failed, numRuns } = fc.check(same, RUNS);
      assert.ok(failed, `none of ${numRuns} scenarios found it`);
    });
  }
});
