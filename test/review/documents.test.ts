import assert from "node:assert/strict";
import * as fc from "fast-check";

import type { Finding } from "../../src/review/contract.ts";
import { reviewDocuments } from "../../src/review/documents/index.ts";
import { DOCUMENT_LENGTH_MAX } from "../../src/review/documents/parse.ts";

const judge = (content: string, path = "defs/x.yaml") => reviewDocuments([{ path, content }]);

/** `BG201 2:1-2:19`: the rule and the place. */
const places = (findings: readonly Finding[]): string[] =>
  findings.map(({ ruleId, range: { start, end } }) => {
    return `${ruleId} ${start.line}:${start.column}-${end.line}:${end.column}`;
  });

const rules = (content: string, path?: string): string[] =>
  judge(content, path).findings.map(({ ruleId }) => ruleId);

const LIMITS = "rate_limit_policy: { max_per_hour: 3, max_per_day: 10, cooldown_seconds: 600 }";
const VIDEO = `feature_id: ai_video_generation\nquota_cost: 5\ncategory: video\nhigh_cost: true\n${LIMITS}\n`;
const PIPELINE = "pipeline_id: v\non_failure: refund_quota\nsteps:\n  - { id: make, type: make }\n";

describe("feature definitions and pipelines", () => {
  it("get each finding at the very field, in YAML and in JSON", () => {
    const yaml =
      "pipeline_id: v\non_failure: notify\nsteps:\n  - id: a\n    retry:\n      max_attempts: 99\n";
    assert.deepEqual(places(judge(yaml).findings), ["BG201 2:1-2:19", "BG208 6:7-6:23"]);
    const json = '{\n  // 费用\n  "feature_id": "x_video",\n\t"quotaCost": 1, "rate_limit_policy": null\n}\n';
    assert.deepEqual(places(judge(json, "x.json").findings), ["BG104 4:2-4:16", "BG103 4:18-4:43"]);
    for (const { range } of judge(json, "x.json").findings) {
      assert.match(json.slice(range.start.offset, range.end.offset), /^"(?:quotaCost|rate_limit_policy)": /);
    }
  });

  it("are refused as the owner's specification refuses its example, and pass as it passes the other", () => {
    const refused = '{"feature_id": "ai_video_generation", "quota_cost": 1, "rate_limit_policy": null}';
    assert.deepEqual(rules(refused, "feature.json").toSorted(), ["BG103", "BG104"]);
    const passed = `{"feature_id": "ai_video_generation", "quota_cost": 5, "rate_limit_policy":
      {"max_per_hour": 3, "max_per_day": 10, "cooldown_seconds": 600}}`;
    assert.deepEqual(rules(passed, "feature.json"), []);
  });

  it("are found in lists, in tables, behind keys, and in several documents of one file", () => {
    const free = "quota_cost: 0\nrate_limit_policy: { max_per_hour: 5 }";
    const indented = (text: string, by: string): string => text.replaceAll(/^/gm, by);
    assert.deepEqual(rules(`feature_id: a\n${free}`), ["BG101"]);
    assert.deepEqual(rules(`- feature_id: a\n${indented(free, "  ")}`), ["BG101"]);
    assert.deepEqual(rules(`features:\n  a:\n    feature_id: a\n${indented(free, "    ")}`), ["BG101"]);
    assert.deepEqual(rules(`feature_id: a\n${free}\n---\nfeature_id: b\n${free}`), ["BG101", "BG101"]);
    const table = '{"feature_definitions": {"ai_video": {"quota_cost": 1, "rate_limit_policy": null}}}';
    assert.deepEqual(rules(table, "config.json"), ["BG104", "BG103"]);
    assert.deepEqual(rules('\ufeff{"feature_id": "a", "quota\\u005fcost": 0}\r\n', "a.json").length, 3);
    assert.equal(judge(`${VIDEO}---\n${PIPELINE}`).featureCount, 1);
    assert.equal(judge(`${VIDEO}---\n${PIPELINE}`).pipelineCount, 1);
  });

  it("are judged in full where one map is both", () => {
    const both = `feature_id: clip\nquota_cost: 0\n${PIPELINE.replace("refund_quota", "notify")}`;
    assert.deepEqual(rules(both).toSorted(), ["BG101", "BG102", "BG105", "BG201"]);
  });

  it("get what an alias or a merge brings in", () => {
    const merged = `base: &base
  continue_on_error: true
pipeline:
  pipeline_id: v
  on_failure: refund_quota
  steps:
    - <<: *base
      id: a
    - { id: b }
`;
    assert.deepEqual(rules(merged), ["BG202"]);
    const overridden = merged.replace("id: a", "id: a\n      continue_on_error: false");
    assert.deepEqual(rules(overridden), []);
  });

  it("take the spelling of protobuf's JSON", () => {
    const json =
      '{"featureId": "crop", "quotaCost": "1", "accessScope": "ACCESS_SCOPE_MEMBER",' +
      ' "rateLimitPolicy": {"maxPerHour": 9}}';
    assert.deepEqual(rules(json, "x.json"), []);
  });

  it("run other pipelines that are reviewed with them, in whatever file", () => {
    const caller = PIPELINE.replace("type: make", "pipeline: other");
    const other = PIPELINE.replace("pipeline_id: v", "pipeline_id: other");
    const both = [
      { path: "a.yaml", content: caller },
      { path: "b.yaml", content: other },
    ];
    assert.deepEqual(reviewDocuments(both).findings, []);
    assert.deepEqual(rules(caller), ["BG209"]);
  });

  it("ask the caller whether somebody has approved a free feature", () => {
    const files = [
      { path: "x.yaml", content: "feature_id: a\nquota_cost: 0\nrate_limit_policy: { max_per_day: 9 }" },
    ];
    const approved = reviewDocuments(files, { isZeroCostApproved: (id) => id === "a" });
    assert.deepEqual(
      approved.findings.map(({ ruleId, severity }) => `${ruleId} ${severity}`),
      ["BG101 WARN"],
    );
  });
});

describe("the reviewer of documents", () => {
  const others: [string, string][] = [
    [
      ".github/workflows/ci.yml",
      "on_failure: x\njobs:\n  a:\n    steps:\n      - run: x\n        continue-on-error: true\n",
    ],
    ["azure-pipelines.yml", "steps:\n  - script: x\n    continueOnError: true\n"],
    ["docker-compose.yml", "services:\n  a: { restart: on-failure }\n"],
    ["package.json", '{"name": "x", "steps": [{}], "on_failure": 1}'],
    ["k8s/deploy.yaml", "kind: Deployment\nspec: { steps: 3 }\n"],
    ["i18n/zh.json", '{"quota_cost": "配额", "feature_id": "功能", "steps": ["一"]}'],
    ["openapi.yaml", "properties:\n  feature_id: { type: string }\n  quota_cost: { type: integer }\n"],
    ["fixtures/task.json", '{"task_id": "t", "feature_id": "ai_video_generation", "quota_cost": 5}'],
    ["fixtures/usage.json", '{"quota_cost": 5, "steps": [1, 2]}'],
    ["broken.yaml", "a: [1\n"],
    ["empty.yaml", ""],
  ];
  for (const [path, content] of others) {
    it(`passes over ${path}, which is none of its business`, () => {
      const { findings, filesAnalysed, filesNotAnalysed } = judge(content, path);
      assert.deepEqual(
        { findings, filesAnalysed, filesNotAnalysed },
        {
          findings: [],
          filesAnalysed: 0,
          filesNotAnalysed: 0,
        },
      );
    });
  }

  it("says what it can't read, where the file looks like a definition", () => {
    assert.deepEqual(rules("a: [1\n", "pipelines/x.yaml"), ["BG301"]);
    assert.deepEqual(rules("quota_cost: [1\n"), ["BG301"]);
    assert.deepEqual(rules(`feature_id: a\nquota_cost: 1\n# ${"x".repeat(DOCUMENT_LENGTH_MAX)}`), ["BG305"]);
    assert.deepEqual(rules("quota_cost: &a [*a]\n"), ["BG305"]);
    assert.deepEqual(rules(`quota_cost: ${"[".repeat(50_000)}`), ["BG305"]);
    assert.deepEqual(rules(`quota_cost:\n${"- ".repeat(50_000)}x`), ["BG305"]);
    const stairs = Array.from({ length: 600 }, (_, at) => `${" ".repeat(at)}a:`).join("\n");
    assert.deepEqual(rules(`quota_cost:\n${stairs}`), ["BG305"]);
  });

  it("says so of an alias bomb, without unfolding it", () => {
    const lines = Array.from({ length: 60 }, (_, at) => {
      return `  a${at + 1}: &a${at + 1} [${Array.from({ length: 10 }, () => `*a${at}`).join(", ")}]`;
    });
    const bomb = `feature_id: x\nquota_cost: 1\nmetadata:\n  a0: &a0 [x]\n${lines.join("\n")}\n`;
    assert.deepEqual(rules(bomb), ["BG305"]);
  });

  it("keeps fingerprints when lines move, and has none twice", () => {
    const bad = `${PIPELINE}  - { id: a, on_error: skip }\n  - { id: a, on_error: skip }\n`;
    const before = judge(bad).findings.map(({ fingerprint }) => fingerprint);
    const after = judge(`# moved\n\n${bad}`).findings.map(({ fingerprint }) => fingerprint);
    assert.deepEqual(after, before);
    assert.equal(new Set(before).size, 2);
    for (const fingerprint of before) assert.match(fingerprint, /^[0-9a-f]{32}$/);
  });

  it("hands out comments to the reviewer where they are comments, and not in texts", () => {
    const texts = 'note: "# billing-review-a"\ntext: |\n  # billing-review-b\n';
    const yaml = `${PIPELINE}# billing-review-disable-file BG201\n${texts}`;
    assert.deepEqual(
      judge(yaml).comments.map(({ text, range }) => `${range.start.line} ${text}`),
      ["5 billing-review-disable-file BG201"],
    );
    const json = '{ /* billing-review-x */ "feature_id": "// billing-review-y", "quota_cost": 1 }';
    assert.deepEqual(
      judge(json, "x.json").comments.map(({ text }) => text),
      ["billing-review-x"],
    );
  });

  it("takes any text without a fault of its own", () => {
    const words = fc.constantFrom(
      "feature_id: ",
      "quota_cost: 0",
      "steps:",
      "on_failure: ",
      "- ",
      "\n",
      "  ",
      "\t",
      "{",
      "}",
      "[",
      "]",
      ": ",
      ",",
      "&a ",
      "*a ",
      "<<: *a",
      "? ",
      "|",
      ">",
      '"',
      "'",
      "#",
      "---\n",
      "...\n",
      "%YAML 1.2\n",
      "!!int ",
      "\u0000",
      "\ud800",
      "__proto__: ",
      "constructor: ",
      "\r\n",
      "\ufeff",
      "//",
      "/*",
      "*/",
    );
    const text = fc.array(fc.oneof(words, fc.string({ maxLength: 4 })), { maxLength: 60 });
    fc.assert(
      fc.property(text, fc.constantFrom("pipelines/x.yaml", "features/x.json"), (parts, path) => {
        const content = parts.join("");
        for (const { range } of judge(content, path).findings) {
          assert.ok(range.start.offset >= 0 && range.end.offset <= content.length);
          assert.ok(range.start.offset <= range.end.offset);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("gives the same for JSON as for the same in YAML", () => {
    const value = fc.dictionary(
      fc.constantFrom(
        "feature_id",
        "quota_cost",
        "high_cost",
        "category",
        "access_scope",
        "launch_plan",
        "rate_limit_policy",
      ),
      fc.oneof(
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.constantFrom("video", "public", "WHITELIST", "ai_video"),
      ),
    );
    fc.assert(
      fc.property(value, (map) => {
        const asJson = judge(JSON.stringify(map, null, "\t"), "features/x.json").findings;
        const asYaml = judge(
          Object.entries(map)
            .map(([key, one]) => `${key}: ${JSON.stringify(one)}`)
            .join("\n"),
          "features/x.yaml",
        ).findings;
        const said = (all: readonly Finding[]) =>
          all.map(({ ruleId, message }) => `${ruleId} ${message}`).toSorted();
        assert.deepEqual(said(asJson), said(asYaml));
      }),
    );
  });
});
