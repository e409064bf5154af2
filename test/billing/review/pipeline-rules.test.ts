import assert from "node:assert/strict";
import * as fc from "fast-check";

import { PIPELINE_RULES, reviewPipeline } from "../../../src/billing/review/pipeline-rules.ts";
import {
  STEP_DEPTH_MAX,
  STEPS_MAX,
  type Plain,
  type PlainMap,
} from "../../../src/billing/review/pipeline-steps.ts";

/** A pipeline that nobody has anything to say against, with the given differences. */
function pipeline(change: Record<string, Plain> = {}): PlainMap {
  return {
    pipeline_id: "video",
    on_failure: "refund_quota",
    steps: [
      { id: "check", type: "validate_input" },
      { id: "generate", type: "runninghub.generate" },
      { id: "upload", type: "cos.upload" },
    ],
    ...change,
  };
}

const withStep = (step: PlainMap): PlainMap => pipeline({ steps: [{ id: "generate", type: "make" }, step] });

const said = (map: PlainMap, known: readonly string[] = []): string[] =>
  reviewPipeline({ pipeline: map, knows: (id) => known.includes(id) }).map(({ ruleId, severity, field }) =>
    `${ruleId} ${severity} ${field}`.trim(),
  );

/** For each rule: what it lets pass, and what it objects to, how and where. */
const EXAMPLES: Record<string, { good: PlainMap[]; bad: [PlainMap, ...string[]][] }> = {
  BG201: {
    good: [
      pipeline(),
      pipeline({ on_failure: ["notify", "refund_quota"] }),
      pipeline({ on_failure: { action: "refund_quota" } }),
      pipeline({ on_failure: { actions: [{ type: "billing.refund_quota" }, { type: "notify" }] } }),
      pipeline({ on_failure: { refund_quota: true, notify: true } }),
      pipeline({ on_failure: "refundQuota" }),
    ],
    bad: [
      [{ steps: [] }, "BG201 FAIL"],
      [pipeline({ on_failure: null }), "BG201 FAIL"],
      [pipeline({ on_failure: "abort" }), "BG201 FAIL on_failure"],
      [pipeline({ on_failure: [] }), "BG201 FAIL on_failure"],
      [pipeline({ on_failure: "refund" }), "BG201 FAIL on_failure"],
      [pipeline({ on_failure: "no_refund_quota" }), "BG201 FAIL on_failure"],
      [pipeline({ on_failure: { refund_quota: false } }), "BG201 FAIL on_failure"],
      [pipeline({ on_failure: "${{ inputs.policy }}" }), "BG201 NOT_ANALYSED on_failure"],
    ],
  },
  BG202: {
    good: [
      withStep({ id: "x", continue_on_error: false }),
      withStep({ id: "x", continue_on_error: "no" }),
      withStep({ id: "x", on_error: "abort" }),
      withStep({ id: "x", on_failure: "refund_quota" }),
      withStep({ id: "x", fail_fast: true }),
      pipeline({ finally: [{ id: "sweep", ignore_failure: true }] }),
    ],
    bad: [
      [withStep({ id: "x", continue_on_error: true }), "BG202 FAIL steps[1].continue_on_error"],
      // The word of YAML 1.1, which is no boolean in YAML 1.2.
      [withStep({ id: "x", continue_on_error: "yes" }), "BG202 FAIL steps[1].continue_on_error"],
      [withStep({ id: "x", ignore_failure: 1n }), "BG202 FAIL steps[1].ignore_failure"],
      [withStep({ id: "x", allow_failure: { exit_codes: [1n] } }), "BG202 FAIL steps[1].allow_failure"],
      [withStep({ id: "x", on_error: "continue" }), "BG202 FAIL steps[1].on_error"],
      [withStep({ id: "x", on_error: "skip_step" }), "BG202 FAIL steps[1].on_error"],
      [withStep({ id: "x", on_failure: { action: "ignore" } }), "BG202 FAIL steps[1].on_failure.action"],
      [withStep({ id: "x", fail_fast: false }), "BG202 FAIL steps[1].fail_fast"],
      [
        withStep({ id: "x", continue_on_error: "{{ soft }}" }),
        "BG202 NOT_ANALYSED steps[1].continue_on_error",
      ],
      [pipeline({ error_policy: "continue" }), "BG202 FAIL error_policy"],
      [
        withStep({ parallel: [{ id: "a" }, { id: "b", steps: [{ id: "c", on_error: "next" }] }] }),
        "BG202 FAIL steps[1].parallel[1].steps[0].on_error",
      ],
      [
        withStep({ id: "sub", pipeline: { steps: [{ id: "c", ignore_errors: true }] } }),
        "BG202 FAIL steps[1].pipeline.steps[0].ignore_errors",
      ],
      [pipeline({ steps: { make: { type: "x", best_effort: true } } }), "BG202 FAIL steps.make.best_effort"],
    ],
  },
  BG203: {
    good: [
      withStep({ id: "x", retry: { max_attempts: 3n } }),
      withStep({ id: "x", retry: { max_attempts: 3n, on_exhausted: "fail" } }),
    ],
    bad: [
      [
        withStep({ id: "x", retry: { max: 3n, on_exhausted: "continue" } }),
        "BG203 FAIL steps[1].retry.on_exhausted",
      ],
      [
        withStep({ id: "x", retry: { max: 3n, ignore_failure: true } }),
        "BG203 FAIL steps[1].retry.ignore_failure",
      ],
    ],
  },
  BG204: {
    good: [
      pipeline({ steps: [{ id: "check_image" }, { type: "reserve_quota" }, { type: "make" }] }),
      pipeline({ steps: [{ type: "billing.ReserveQuota" }, { parallel: [{ id: "a" }, { id: "b" }] }] }),
    ],
    bad: [
      [pipeline({ steps: [{ type: "make" }, { type: "reserve_quota" }] }), "BG204 FAIL steps[0]"],
      [
        pipeline({ steps: [{ parallel: [{ type: "reserve_quota" }, { type: "make" }] }] }),
        "BG204 FAIL steps[0].parallel[1]",
      ],
      [pipeline({ steps: [{ type: "reserve_quota", when: "user.isPaid" }] }), "BG204 FAIL steps[0].when"],
    ],
  },
  BG205: {
    good: [
      pipeline({ on_failure: [{ action: "notify", if: "urgent" }, { action: "refund_quota" }] }),
      pipeline({ on_failure: { action: "refund_quota", percent: 100n, if: "always()" } }),
    ],
    bad: [
      [pipeline({ on_failure: { action: "refund_quota", if: "code == 5" } }), "BG205 FAIL on_failure.action"],
      [pipeline({ on_failure: { refund_quota: { percent: 50n } } }), "BG205 FAIL on_failure.refund_quota"],
      [pipeline({ on_failure: { action: "refund_quota", enabled: false } }), "BG205 FAIL on_failure.action"],
    ],
  },
  BG206: {
    good: [withStep({ id: "x", on_timeout: "fail" })],
    bad: [
      [withStep({ id: "x", on_failure: "use_other_vendor" }), "BG206 WARN steps[1].on_failure"],
      [withStep({ id: "x", on_timeout: { run: "notify" } }), "BG206 WARN steps[1].on_timeout.run"],
    ],
  },
  BG207: {
    good: [
      pipeline({ on_feedback: "store" }),
      withStep({ id: "score", type: "rating.store", if: "rating < 3" }),
      pipeline({ refund_on: ["TIMEOUT", "UPSTREAM_ERROR"] }),
    ],
    bad: [
      [pipeline({ on_rating: "refund_quota" }), "BG207 FAIL on_rating"],
      [pipeline({ refund_on: ["TIMEOUT", "USER_DISSATISFIED"] }), "BG207 FAIL refund_on"],
      [withStep({ id: "x", type: "refund_quota", if: "feedback.score < 3" }), "BG207 FAIL steps[1].type"],
      [withStep({ id: "x", type: "refund_quota", when: "用户差评" }), "BG207 FAIL steps[1].type"],
    ],
  },
  BG208: {
    good: [
      withStep({ id: "x", retries: 3n }),
      withStep({ id: "x", retry: false }),
      withStep({ id: "x", retry_policy: { max_retries: "10" } }),
    ],
    bad: [
      [withStep({ id: "x", retries: 11n }), "BG208 WARN steps[1].retries"],
      [withStep({ id: "x", retry: true }), "BG208 WARN steps[1].retry"],
      [withStep({ id: "x", retry: { max_attempts: -1n } }), "BG208 WARN steps[1].retry.max_attempts"],
      [withStep({ id: "x", retry: { delay: "5s" } }), "BG208 WARN steps[1].retry"],
    ],
  },
  BG209: {
    good: [withStep({ id: "x", pipeline: "known" })],
    bad: [[withStep({ id: "x", pipeline: "unknown" }), "BG209 NOT_ANALYSED steps[1].pipeline"]],
  },
};

describe("the rules for pipelines", () => {
  it("have examples, every one of them", () => {
    assert.deepEqual(
      Object.keys(EXAMPLES),
      PIPELINE_RULES.map(({ id }) => id),
    );
  });

  for (const { id, title } of PIPELINE_RULES) {
    it(`${id}: ${title}`, () => {
      const { good = [], bad = [] } = EXAMPLES[id] ?? {};
      for (const map of good) assert.deepEqual(said(map, ["known"]), []);
      for (const [map, ...expected] of bad) assert.deepEqual(said(map), expected);
    });
  }
});

describe("a setting that goes on after a failure", () => {
  const groups = fc.constantFrom("steps", "parallel", "branches", "stages", "then", "else", "do");
  const way = fc.array(groups, { maxLength: 8 });
  const poison = fc.constantFrom<PlainMap>(
    { continue_on_error: true },
    { ignore_failure: "on" },
    { on_error: "continue" },
    { on_failure: ["skip"] },
    { retry: { max_attempts: 2n, on_exhausted: "ignore" } },
  );
  const around = fc.nat({ max: 3 });

  /** The step, below groups within groups, with others before it. */
  function buried(step: PlainMap, keys: readonly string[], before: number): PlainMap {
    const filling = Array.from({ length: before }, (_, at) => ({ id: `f${at}`, type: "make" }));
    const inner = keys.reduceRight<PlainMap>((map, key) => ({ [key]: [...filling, map] }), step);
    return pipeline({ steps: [...filling, inner] });
  }

  it("is found wherever it stands, and nothing is found where it doesn't", () => {
    fc.assert(
      fc.property(way, poison, around, (keys, bad, before) => {
        const found = said(buried({ id: "x", type: "make", ...bad }, keys, before));
        assert.equal(found.length, 1, found.join());
        assert.match(found[0] ?? "", /^BG20[23] FAIL /);
        assert.deepEqual(said(buried({ id: "x", type: "make" }, keys, before)), []);
      }),
    );
  });
});

describe("a pipeline without end", () => {
  it("is not judged, and says so", () => {
    const many = Array.from({ length: STEPS_MAX + 1 }, (_, at) => ({ id: `s${at}`, type: "make" }));
    assert.deepEqual(said(pipeline({ steps: many })), ["BG209 NOT_ANALYSED"]);
    let deep: PlainMap = { id: "x", type: "make" };
    for (let level = 0; level <= STEP_DEPTH_MAX; level += 1) deep = { steps: [deep] };
    assert.deepEqual(said(pipeline({ steps: [deep] })), ["BG209 NOT_ANALYSED"]);
  });
});
