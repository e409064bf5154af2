import assert from "node:assert/strict";
import * as fc from "fast-check";

import { applyBaseline, BadBaseline, readBaseline, writeBaseline } from "../../src/review/baseline.ts";
import { isDay, suppress } from "../../src/review/suppress.ts";
import { review } from "../../src/review/review.ts";
import { comment, finding } from "./samples.ts";

const TODAY = "2026-11-23";
const WORDS = 'reason="known" owner="li.wei" expires="2027-01-31"';
const next = (rest: string, line = 3) => comment(`billing-review-disable-next-line ${rest}`, line);

const left = (result: ReturnType<typeof suppress>): string[] => result.findings.map(({ ruleId }) => ruleId);

describe("a suppression", () => {
  it("lets its rules through on the next line, and shows them with who said so and why", () => {
    const all = [finding("BG001", "FAIL"), finding("BG002", "FAIL"), finding("BG001", "FAIL", 5)];
    const result = suppress(all, [next(`BG001 ${WORDS}`)], TODAY);
    assert.deepEqual(result.findings, all.slice(1));
    assert.deepEqual(result.suppressed, [
      {
        finding: all[0],
        suppression: { kind: "comment", reason: "known", owner: "li.wei", expires: "2027-01-31" },
      },
    ]);
  });

  it("reaches over other such comments to the line that they all mean", () => {
    const all = [finding("BG001", "FAIL", 5), finding("BG002", "FAIL", 5)];
    const result = suppress(all, [next(`BG001 ${WORDS}`, 3), next(`BG002 ${WORDS}`, 4)], TODAY);
    assert.deepEqual(left(result), []);
    assert.equal(result.suppressed.length, 2);
  });

  it("of a file lets its rules through in all of that file, and in no other", () => {
    const all = [finding("BG001", "FAIL", 90), finding("BG001", "FAIL", 4, { path: "src/other.ts" })];
    const result = suppress(all, [comment(`billing-review-disable-file BG001 ${WORDS}`, 1)], TODAY);
    assert.deepEqual(result.findings, [all[1]]);
  });

  const incomplete: [string, string][] = [
    ["", "names no rule"],
    [WORDS, "names no rule"],
    [`BG999 ${WORDS}`, "names BG999, which is no rule"],
    [`BG001 -- because ${WORDS}`, "names --, which is no rule"],
    ["BG001", "no reason and no owner and no expires"],
    ['BG001 reason="" owner="li.wei" expires="2027-01-31"', "no reason"],
    ['BG001 reason="known" expires="2027-01-31"', "no owner"],
    ['BG001 reason="known" owner="li.wei"', "no expires"],
    ['BG001 reason="known" owner="li.wei" expires="soon"', "is no day"],
    ['BG001 reason="known" owner="li.wei" expires="2027-02-30"', "is no day"],
    [`BG903 ${WORDS}`, "can't be suppressed"],
  ];
  for (const [text, why] of incomplete) {
    it(`lets nothing through as "${text}", and says that it ${why}`, () => {
      const result = suppress([finding("BG001", "FAIL")], [next(text)], TODAY);
      assert.deepEqual(left(result), ["BG001", "BG901"]);
      assert.ok(result.findings[1]?.message.includes(why), result.findings[1]?.message);
      assert.equal(result.suppressed.length, 0);
    });
  }

  it("with an unknown command is incomplete", () => {
    assert.deepEqual(left(suppress([], [comment(`billing-review-disable BG001 ${WORDS}`, 3)], TODAY)), [
      "BG901",
    ]);
  });

  it("holds on its last day, and no longer; a year ahead, and no further", () => {
    const until = (day: string) => next(`BG001 reason="known" owner="li.wei" expires="${day}"`);
    const rules = (day: string) => left(suppress([finding("BG001", "FAIL")], [until(day)], TODAY));
    assert.deepEqual(rules(TODAY), []);
    assert.deepEqual(rules("2026-11-22"), ["BG001", "BG902"]);
    assert.deepEqual(rules("2027-11-24"), []);
    assert.deepEqual(rules("2027-11-25"), ["BG001", "BG904"]);
  });

  it("that suppresses nothing is a finding, rule by rule", () => {
    const result = suppress([finding("BG001", "FAIL")], [next(`BG001, BG002 ${WORDS}`)], TODAY);
    assert.deepEqual(left(result), ["BG903"]);
    assert.match(result.findings[0]?.message ?? "", /BG002/);
  });

  it("never loses a finding: each is either left or shown as suppressed, whatever the comments say", () => {
    const ids = fc.constantFrom("BG001", "BG002", "BG007", "BG101");
    const findings = fc.array(fc.record({ id: ids, line: fc.integer({ min: 1, max: 6 }) }), { maxLength: 8 });
    const texts = fc
      .constantFrom("next-line", "file", "line")
      .chain((scope) =>
        fc
          .array(ids, { maxLength: 2 })
          .chain((rules) =>
            fc
              .constantFrom(WORDS, "", 'reason="x"')
              .map((rest) => `billing-review-disable-${scope} ${rules.join(" ")} ${rest}`),
          ),
      );
    const comments = fc.array(fc.tuple(texts, fc.integer({ min: 1, max: 6 })), { maxLength: 6 });
    fc.assert(
      fc.property(findings, comments, (all, said) => {
        const given = all.map(({ id, line }) => finding(id, "FAIL", line));
        const result = suppress(
          given,
          said.map(([text, line]) => comment(text, line)),
          TODAY,
        );
        const kept = result.findings.filter(({ ruleId }) => ruleId < "BG900");
        assert.equal(kept.length + result.suppressed.length, given.length);
        assert.ok(result.findings.slice(kept.length).every(({ severity }) => severity === "WARN"));
      }),
    );
  });

  it("works in the documents themselves, in YAML and in JSON", async () => {
    const yaml = `feature_id: a
# billing-review-disable-next-line BG101 ${WORDS}
quota_cost: 0
rate_limit_policy: { max_per_day: 9 }
`;
    const json = `// billing-review-disable-file BG101 ${WORDS}
{"feature_id": "a", "quota_cost": 0, "rate_limit_policy": {"max_per_day": 9}}`;
    const files = [
      { path: "a.yaml", content: yaml },
      { path: "a.json", content: json },
    ];
    const { verdict, findings, suppressed } = await review(files, { lockPolicy: "semantic", today: TODAY });
    assert.deepEqual(findings, []);
    assert.deepEqual(
      suppressed.map(({ finding: { path } }) => path),
      ["a.json", "a.yaml"],
    );
    assert.equal(verdict, "PASS_WITH_WARNING");
  });
});

describe("a suppression in code", () => {
  const deduction = `const changed = await db("users")
    .where({ id: userId })
    .where("quota_remaining", ">=", cost)
    .decrement("quota_remaining", cost);`;
  const code = (above: string): string => `export async function take(db, userId, cost) {
  ${above}
  ${deduction}
  if (changed === 0) throw new Error("QUOTA_INSUFFICIENT");
}
`;
  const sql = (above: string): string => `${above}
START TRANSACTION;
SELECT quota_remaining INTO @left FROM users WHERE id = 1;
UPDATE users SET quota_remaining = @left - 1 WHERE id = 1;
COMMIT;
`;
  const judge = (path: string, content: string) =>
    review([{ path, content }], { lockPolicy: "semantic", today: TODAY });

  for (const path of ["a.ts", "a.js", "a.tsx"]) {
    it(`counts in ${path}, in comments of both kinds, and in no text`, async () => {
      const words = `billing-review-disable-next-line BG018 ${WORDS}`;
      for (const above of [`// ${words}`, `/* ${words} */`]) {
        const { findings, suppressed } = await judge(path, code(above));
        assert.deepEqual(findings, [], above);
        assert.deepEqual(
          suppressed.map(({ finding: { ruleId } }) => ruleId),
          ["BG018"],
        );
      }
      const { findings } = await judge(path, code(`log(\`// ${words}\`);`));
      assert.deepEqual(
        findings.map(({ ruleId }) => ruleId),
        ["BG018"],
      );
    });
  }

  it("counts in SQL", async () => {
    const [first] = (await judge("a.sql", sql("-- nothing"))).findings;
    assert.equal(first?.severity, "FAIL");
    const { findings, suppressed } = await judge(
      "a.sql",
      sql(`-- billing-review-disable-file ${first.ruleId} ${WORDS}`),
    );
    assert.deepEqual(findings, []);
    assert.equal(suppressed.length, 1);
  });
});

describe("a day", () => {
  it("is one that the calendar has", () => {
    for (const day of ["2026-11-23", "2028-02-29"]) assert.ok(isDay(day));
    for (const day of ["2026-2-3", "2027-02-29", "2026-13-01", "20261123", "", "2026-11-23T00:00"]) {
      assert.ok(!isDay(day), day);
    }
  });
});

describe("a baseline", () => {
  const old = [finding("BG001", "FAIL"), finding("BG092", "NOT_ANALYSED", 9)];
  const given = (findings: typeof old, isSettled = true) => ({
    path: "baseline.json",
    content: readBaseline(writeBaseline(findings)),
    isSettled: () => isSettled,
  });

  it("lets through what it lists, and nothing else", () => {
    const fresh = finding("BG001", "FAIL", 20);
    const result = applyBaseline([...old, fresh], given(old));
    assert.deepEqual(result.findings, [fresh]);
    assert.deepEqual(
      result.suppressed.map(({ suppression: { kind, reason } }) => [kind, reason]),
      [
        ["baseline", "listed in baseline.json"],
        ["baseline", "listed in baseline.json"],
      ],
    );
  });

  it("goes by content: where the lines moved to doesn't matter", () => {
    const moved = old.map((one) => ({ ...one, range: finding("BG001", "FAIL", 77).range }));
    assert.deepEqual(applyBaseline(moved, given(old)).findings, []);
  });

  it("lets each entry through once", () => {
    const [first] = old;
    assert.ok(first);
    assert.deepEqual(applyBaseline([first, first], given([first])).findings, [first]);
  });

  it("reports what it lists and isn't there any more, where that file was looked at", () => {
    const result = applyBaseline([], given(old));
    assert.deepEqual(left(result), ["BG905", "BG905"]);
    assert.equal(new Set(result.findings.map(({ fingerprint }) => fingerprint)).size, 2);
    assert.deepEqual(left(applyBaseline([], given(old, false))), []);
  });

  it("is the same bytes for the same findings in any order, and holds none about suppressions", () => {
    const all = [...old, finding("BG903", "WARN")];
    assert.equal(writeBaseline(all.toReversed()), writeBaseline(all));
    assert.ok(!writeBaseline(all).includes("BG903"));
  });

  it("is refused when it is none", () => {
    for (const text of [
      "",
      "[]",
      "{}",
      '{"version": 2, "findings": []}',
      '{"version": 1, "findings": [{}]}',
    ]) {
      assert.throws(() => readBaseline(text), BadBaseline, text);
    }
  });
});
