import assert from "node:assert/strict";
import * as fc from "fast-check";

import type { Severity } from "../../src/review/contract.ts";
import type { SuppressedFinding } from "../../src/review/suppress.ts";
import { checklistOf, verdictOf } from "../../src/review/verdict.ts";
import { finding } from "./samples.ts";

const hushed = (severity: Severity, ruleId = "BG001"): SuppressedFinding => ({
  finding: finding(ruleId, severity),
  suppression: { kind: "comment", reason: "known", owner: "li.wei", expires: "2027-01-31" },
});
const ALL = { codeFiles: 1, features: 1, pipelines: 1 };
const NOTHING = { codeFiles: 0, features: 0, pipelines: 0 };

const statuses = (
  findings: Parameters<typeof checklistOf>[0],
  subjects = ALL,
  suppressed: readonly SuppressedFinding[] = [],
): string =>
  checklistOf(findings, suppressed, subjects)
    .map(({ status }) => status[0])
    .join("");

describe("the verdict", () => {
  it("is FAIL for a failure, a warning's for a warning, PASS for nothing", () => {
    assert.equal(verdictOf([], []), "PASS");
    assert.equal(verdictOf([finding("BG015", "WARN")], []), "PASS_WITH_WARNING");
    assert.equal(verdictOf([finding("BG015", "WARN"), finding("BG001", "FAIL")], []), "FAIL");
  });

  it("is never a plain PASS for what nobody analysed, nor for a failure that was let through", () => {
    assert.equal(verdictOf([finding("BG090", "NOT_ANALYSED")], []), "PASS_WITH_WARNING");
    assert.equal(verdictOf([], [hushed("FAIL")]), "PASS_WITH_WARNING");
    assert.equal(verdictOf([], [hushed("NOT_ANALYSED", "BG090")]), "PASS_WITH_WARNING");
    assert.equal(verdictOf([], [hushed("WARN", "BG015")]), "PASS");
  });

  it("only gets worse by another finding", () => {
    const order = ["PASS", "PASS_WITH_WARNING", "FAIL"];
    const severities = fc.array(fc.constantFrom<Severity>("FAIL", "WARN", "NOT_ANALYSED"), { maxLength: 6 });
    fc.assert(
      fc.property(severities, severities, (before, more) => {
        const of = (list: readonly Severity[]) =>
          order.indexOf(
            verdictOf(
              list.map((severity, line) => finding("BG001", severity, line)),
              [],
            ),
          );
        assert.ok(of([...before, ...more]) >= of(before));
      }),
    );
  });
});

describe("the checklist", () => {
  it("has the seven questions of the specification, in both languages, and always all of them", () => {
    const items = checklistOf([], [], NOTHING);
    assert.deepEqual(
      items.map(({ item }) => item),
      [1, 2, 3, 4, 5, 6, 7],
    );
    for (const { question, questionZh } of items) {
      assert.match(question, /\?$/);
      assert.match(questionZh, /^\p{Script=Han}.*？$/u);
    }
    assert.equal(statuses([], NOTHING), "NNNNNNN");
    assert.ok(items.every(({ status }) => status === "NOT_APPLICABLE"));
  });

  it("answers what was there to be asked", () => {
    assert.equal(statuses([]), "PPPPPPP");
    assert.equal(statuses([], { ...NOTHING, features: 1 }), "NNNPNPP");
    assert.equal(statuses([], { ...NOTHING, pipelines: 1 }), "NNPNPNN");
    assert.equal(statuses([], { ...NOTHING, codeFiles: 1 }), "PPPPPNP");
  });

  it("names the findings that decide an item, and the gravest one wins", () => {
    const all = [finding("BG001", "FAIL"), finding("BG015", "WARN", 9), finding("BG105", "WARN", 2)];
    const items = checklistOf(all, [], ALL);
    assert.equal(items.map(({ status }) => status[0]).join(""), "FPPPPWP");
    assert.deepEqual(items[0]?.fingerprints, [all[0]?.fingerprint, all[1]?.fingerprint]);
    assert.deepEqual(items[5]?.fingerprints, [all[2]?.fingerprint]);
  });

  it("has no answer about code where code couldn't be read, nor about documents likewise", () => {
    const items = checklistOf([finding("BG090", "NOT_ANALYSED")], [], ALL);
    const open = items.filter(({ status }) => status === "NOT_ANALYSED").map(({ item }) => item);
    assert.deepEqual(open, [1, 2, 3, 5, 7]);
    const documents = checklistOf([finding("BG301", "NOT_ANALYSED")], [], ALL);
    assert.deepEqual(
      documents.filter(({ status }) => status === "NOT_ANALYSED").map(({ item }) => item),
      [3, 4, 5, 6, 7],
    );
  });

  it("warns of a failure that was let through", () => {
    assert.equal(statuses([], ALL, [hushed("FAIL")]), "WPPPPPP");
  });

  it("leaves findings about suppressions out: they are no item of it", () => {
    assert.equal(statuses([finding("BG903", "WARN")]), "PPPPPPP");
  });
});
