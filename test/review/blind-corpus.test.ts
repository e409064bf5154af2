import assert from "node:assert/strict";

import { review, type ReviewResult } from "../../src/review/review.ts";
import { blindCases, type Case } from "./blind-corpus.ts";

/** Of the unsafe cases so many must be refused, and of the refused ones so many must be unsafe. */
const RECALL_MIN = 0.95;
const PRECISION_MIN = 0.95;

interface Judged extends Case {
  readonly result: ReviewResult;
}

describe("the reviewer on code that it wasn't made for", () => {
  const judged: Judged[] = [];

  before(async () => {
    for (const one of blindCases()) {
      const result = await review(one.files, { lockPolicy: "semantic", today: "2026-11-23" });
      judged.push({ ...one, result });
    }
  });

  const of = (expected: Case["expected"]): Judged[] => judged.filter((one) => one.expected === expected);
  const isRefused = ({ result }: Judged): boolean => result.verdict === "FAIL";
  const said = ({ name, result }: Judged): string =>
    [name, ...result.findings.map(({ ruleId, message }) => `${ruleId} ${message}`)].join(": ");

  it("has at least 70 cases, half of them safe", () => {
    assert.ok(judged.length >= 70);
    assert.ok(of("none").length * 2 >= judged.length);
  });

  it(`refuses at least ${RECALL_MIN * 100} % of the unsafe ones`, () => {
    const unsafe = of("FAIL");
    const missed = unsafe.filter((one) => !isRefused(one));
    const recall = 1 - missed.length / unsafe.length;
    assert.ok(recall >= RECALL_MIN, `recall ${recall.toFixed(3)}\n${missed.map(said).join("\n")}`);
  });

  it(`is right in at least ${PRECISION_MIN * 100} % of what it refuses`, () => {
    const wrong = of("none").filter(isRefused);
    const refused = judged.filter(isRefused);
    const precision = 1 - wrong.length / refused.length;
    assert.ok(precision >= PRECISION_MIN, `precision ${precision.toFixed(3)}\n${wrong.map(said).join("\n")}`);
  });

  it("passes no unsafe one in silence", () => {
    assert.deepEqual(
      of("FAIL")
        .filter(({ result }) => result.verdict === "PASS")
        .map(({ name }) => name),
      [],
    );
  });
});
