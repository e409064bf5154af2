import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

import { ALL_RULES } from "../../src/review/catalogue.ts";
import { githubReport, jsonReport, sarifReport, textReport } from "../../src/review/report/index.ts";
import { review } from "../../src/review/review.ts";
import { finding, rangeAt, resultOf } from "./samples.ts";

/** The schema that OASIS published, as Microsoft's tool for SARIF carries it. */
const SCHEMA = new URL(
  "../assets/sarif-2.1.0.schema.json",
  import.meta.resolve("@microsoft/sarif-multitool-ts"),
);

const SOURCE = `async function deduct(db) {
  const user = await read(db);
  await check(user);
  await db("users").decrement("quota_remaining");
}
`;
const FILES = [{ path: "src/quota.ts", content: SOURCE }];
const WAY = [
  { path: "src/read.ts", range: rangeAt(2, 9), message: "read here" },
  { path: "src/quota.ts", range: rangeAt(4), message: "written there, no lock between" },
];
const RESULT = resultOf(
  [
    finding("BG001", "FAIL", 4, { steps: WAY, message: "written without a lock" }),
    finding("BG015", "WARN", 2),
    finding("BG090", "NOT_ANALYSED", 1, { path: "src/[id]/坏 的.ts" }),
  ],
  [
    {
      finding: finding("BG007", "FAIL", 3),
      suppression: { kind: "comment", reason: "known", owner: "li.wei", expires: "2027-01-31" },
    },
    {
      finding: finding("BG002", "FAIL", 3),
      suppression: { kind: "baseline", reason: "listed in b.json", owner: "", expires: "" },
    },
  ],
);

const surroundings = { version: "1.2.3" };

interface Sarif {
  runs: {
    tool: { driver: { version: string; rules: { id: string }[] } };
    invocations: { executionSuccessful: boolean; toolExecutionNotifications: unknown[] }[];
    results: Record<string, unknown>[];
  }[];
}

const sarif = (result = RESULT): Sarif => JSON.parse(sarifReport(result, surroundings)) as Sarif;

describe("the SARIF report", () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA, "utf8")) as object);

  it("is valid by the published schema, full and empty", () => {
    for (const result of [RESULT, resultOf([])]) {
      assert.ok(validate(sarif(result)), JSON.stringify(validate.errors, null, 2));
    }
  });

  it("is checked by a schema that refuses what isn't valid", () => {
    assert.ok(!validate({ ...sarif(), version: "2.0.0" }));
    const [run] = sarif().runs;
    assert.ok(!validate({ ...sarif(), runs: [{ ...run, results: [{ level: "error" }] }] }));
  });

  it("carries every rule with its help, and each result points to its own", () => {
    const [run] = sarif().runs;
    assert.deepEqual(
      run?.tool.driver.rules.map(({ id }) => id),
      ALL_RULES.map(({ id }) => id),
    );
    for (const { ruleId, ruleIndex } of run?.results ?? []) {
      assert.equal(ALL_RULES[ruleIndex as number]?.id, ruleId);
    }
  });

  it("shows the way of the data, the places in other files, and stable fingerprints", () => {
    const [result] = sarif().runs[0]?.results ?? [];
    const { codeFlows, relatedLocations, partialFingerprints, level } = result as {
      codeFlows: { threadFlows: { locations: { location: { message: { text: string } } }[] }[] }[];
      relatedLocations: { physicalLocation: { artifactLocation: { uri: string } } }[];
      partialFingerprints: Record<string, string>;
      level: string;
    };
    assert.equal(level, "error");
    assert.deepEqual(
      codeFlows[0]?.threadFlows[0]?.locations.map(({ location }) => location.message.text),
      WAY.map(({ message }) => message),
    );
    assert.deepEqual(
      relatedLocations.map((one) => one.physicalLocation.artifactLocation.uri),
      ["src/read.ts"],
    );
    assert.equal(partialFingerprints["primaryLocationLineHash"], RESULT.findings[0]?.fingerprint);
  });

  it("says as a notification what wasn't analysed, since nobody could close it as an alert", () => {
    const [run] = sarif().runs;
    assert.equal(run?.invocations[0]?.executionSuccessful, false);
    assert.equal(run.invocations[0].toolExecutionNotifications.length, 1);
    assert.ok(!run.results.some(({ ruleId }) => ruleId === "BG090"));
    assert.match(JSON.stringify(run.invocations), /src\/%5Bid%5D\/%E5%9D%8F%20%E7%9A%84\.ts/);
    assert.equal(sarif(resultOf([])).runs[0]?.invocations[0]?.executionSuccessful, true);
  });

  it("keeps what was let through, with who said so", () => {
    const suppressions = sarif().runs[0]?.results.flatMap(({ suppressions: own }) => own ?? []);
    assert.deepEqual(suppressions, [
      { kind: "inSource", status: "accepted", justification: "known (li.wei, until 2027-01-31)" },
      { kind: "external", status: "accepted", justification: "listed in b.json" },
    ]);
  });
});

describe("the JSON report", () => {
  it("has the fields that docs/review.md lists, and no other", () => {
    const report = JSON.parse(jsonReport(RESULT)) as Record<string, Record<string, unknown>[]>;
    const guide = readFileSync(new URL("../../docs/review.md", import.meta.url), "utf8");
    const named = (name: string): boolean => guide.includes(`\`${name}\``) || guide.includes(`\`${name}[]\``);
    const fields = [
      ...Object.keys(report),
      ...Object.keys(report["checklist"]?.[0] ?? {}),
      ...Object.keys(report["findings"]?.[0] ?? {}),
      ...Object.keys(report["suppressed"]?.[0]?.["suppression"] ?? {}),
    ];
    assert.ok(fields.length > 20);
    assert.deepEqual(
      fields.filter((field) => !named(field)),
      [],
    );
  });
});

describe("the annotations for GitHub", () => {
  it("mark the lines, and let nothing in the text become a command", () => {
    const tricky = finding("BG001", "FAIL", 4, {
      path: "src/a,b:c.ts",
      message: "50% of it\n::error::not mine",
      remediation: "Mend it.",
    });
    const lines = githubReport(resultOf([tricky]))
      .trimEnd()
      .split("\n");
    assert.equal(lines.length, 2);
    assert.equal(
      lines[0],
      "::error file=src/a%2Cb%3Ac.ts,line=4,endLine=4,col=3,endColumn=7,title=FAIL BG001" +
        "::50%25 of it ::error::not mine Fix: Mend it.",
    );
  });
});

describe("the report for people", () => {
  it("shows the line, its mark, the way, the fix, what was let through, and all seven questions", () => {
    const text = textReport(RESULT, FILES, false);
    assert.match(text, /^FAIL BG001 src\/quota\.ts:4:3\n {2}written without a lock$/m);
    assert.match(
      text,
      /^ {2}> 4 \| {3}await db\("users"\)\.decrement\("quota_remaining"\);\n {6}\| {3}\^{5}$/m,
    );
    assert.match(text, /^ {2}1\. src\/read\.ts:2:9 read here$/m);
    assert.match(text, /^ {2}fix: Mend BG001\.$/m);
    assert.match(text, /^Suppressed: 2\n {2}BG007 .* \(li\.wei, until 2027-01-31: known\)$/m);
    assert.equal(text.match(/^ +(?:ok|warn|FAIL|\?\?\?\?|-) {2}\d\. /gm)?.length, 7);
    assert.match(
      text,
      /^FAIL: 1 failed, 1 warned, 1 not analysed, 2 suppressed, 3 files analysed, lock policy semantic\n$/m,
    );
    assert.ok(!text.includes("\u001b"));
  });

  it("has colours when it is asked for them, and says the same", () => {
    const colored = textReport(RESULT, FILES, true);
    assert.ok(colored.includes("\u001b["));
    // oxlint-disable-next-line no-control-regex -- the marks of colours
    assert.equal(colored.replaceAll(/\u001b\[\d+m/g, ""), textReport(RESULT, FILES, false));
  });

  it("cuts minified lines, and shows no character that steers the terminal or turns the reading", () => {
    const evil = "\u001b[2J\u202e";
    const content = `${"x".repeat(100_000)}${evil}quota${"y".repeat(100_000)}`;
    const one = finding("BG001", "FAIL", 1, {
      range: {
        start: { line: 1, column: 100_007, offset: 100_006 },
        end: { line: 1, column: 100_012, offset: 100_011 },
      },
      message: `seen ${evil}`,
    });
    const text = textReport(resultOf([one]), [{ path: "src/quota.ts", content }], false);
    assert.ok(text.length < 3_000, `${text.length}`);
    assert.ok(!text.includes("\u001b") && !text.includes("\u202e"));
    assert.match(text, /\\u001b\[2J\\u202e/);
    const all = [githubReport(resultOf([one])), sarifReport(resultOf([one]), surroundings)].join("");
    assert.ok(!all.includes("\u001b") && !all.includes("\u202e"));
  });
});

describe("every report", () => {
  it("is the same bytes for the same files, whatever order they came in", async () => {
    const files = ["a", "b", "c"].map((name) => ({
      path: `${name}.yaml`,
      content: `pipeline_id: ${name}\non_failure: notify\nsteps: [{ id: x, on_error: skip, retries: 50 }]\n`,
    }));
    const options = { lockPolicy: "semantic", today: "2026-11-23" } as const;
    const [one, other] = [await review(files, options), await review(files.toReversed(), options)];
    const write = (result: typeof one): string =>
      [jsonReport, githubReport].map((as) => as(result)).join("") +
      sarifReport(result, surroundings) +
      textReport(result, files, false);
    assert.equal(one.findings.length, 9);
    assert.equal(write(one), write(other));
  });
});
