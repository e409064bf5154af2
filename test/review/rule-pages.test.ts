import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { readBaseline } from "../../src/review/baseline.ts";
import { ALL_RULES } from "../../src/review/catalogue.ts";
import { reviewOffer } from "../../src/billing/review/offer-rules.ts";
import type { Finding, RuleDescription, SourceFile } from "../../src/review/contract.ts";
import { review } from "../../src/review/review.ts";
import { ROOT } from "../support/documents.ts";
import { offerIn, type Example } from "./offer-example.ts";

/** The day on which the pages are right about what is over. */
const TODAY = "2026-11-23";

const pageOf = ({ docs }: RuleDescription): string => readFileSync(join(ROOT, docs), "utf8");

function exampleIn(page: string, heading: "Bad" | "Good"): Example {
  const [, language = "", text = ""] =
    new RegExp(`^## ${heading}\\n\\n\`\`\`(\\w+)\\n(.*?)^\`\`\`$`, "ms").exec(page) ?? [];
  assert.ok(text !== "", `there is no example under ${heading}`);
  return { language, text };
}

/** The file that an example stands for: the first line may name it. */
function fileOf({ language, text }: Example): SourceFile {
  const named = /^(?:\/\/|#) file: (\S+)$/m.exec(text)?.[1];
  return { path: named ?? `src/example.${language}`, content: text };
}

interface Judgement {
  readonly findings: readonly Pick<Finding, "ruleId" | "severity" | "message">[];
}

async function judge(rule: RuleDescription, example: Example): Promise<Judgement> {
  const offer = offerIn(example);
  if (offer) return { findings: reviewOffer(offer.kind, offer.terms, offer.isOnlyTrial) };
  const options = { lockPolicy: "semantic", today: TODAY } as const;
  if (rule.id !== "BG905") return review([fileOf(example)], options);
  const content = readBaseline(example.text);
  return review([], { ...options, baseline: { path: "baseline.json", content, isSettled: () => true } });
}

describe("the pages of the rules", () => {
  it("are there for every rule, and for nothing else", () => {
    const pages = readdirSync(join(ROOT, "docs/rules")).map((name) => `docs/rules/${name}`);
    assert.deepEqual(
      pages.toSorted(),
      ALL_RULES.map(({ docs }) => docs),
    );
  });

  it("are listed in docs/review.md, each with its severity and what it demands", () => {
    const guide = readFileSync(join(ROOT, "docs/review.md"), "utf8");
    const missing = ALL_RULES.filter(
      ({ id, severity, title }) => !guide.includes(`| [${id}](rules/${id}.md) | ${severity} | ${title} |`),
    );
    assert.deepEqual(
      missing.map(({ id }) => id),
      [],
    );
  });

  for (const rule of ALL_RULES) {
    const { id, title, severity, docs } = rule;
    it(`${id} says what the rule says, and its examples are judged as it claims`, async () => {
      assert.ok(existsSync(join(ROOT, docs)));
      const page = pageOf(rule);
      assert.ok(page.startsWith(`# ${id}: ${title}\n\n\`${severity}\`, `), page.slice(0, 200));
      assert.match(page, /^## How to fix$/m);

      const bad = await judge(rule, exampleIn(page, "Bad"));
      const said = bad.findings.map(({ ruleId }) => ruleId);
      assert.ok(said.includes(id), `the bad example gives ${said.join(", ") || "nothing"}`);

      const good = await judge(rule, exampleIn(page, "Good"));
      const wrong = good.findings.filter((one) => one.ruleId === id || one.severity !== "WARN");
      assert.deepEqual(
        wrong.map(({ ruleId, message }) => `${ruleId} ${message}`),
        [],
      );
    });
  }
});
