import assert from "node:assert/strict";
import type { PipelineFormat } from "../../src/billing/catalog/pipeline.ts";
import type { PipelineId } from "../../src/billing/id.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { readPipeline } from "../../src/review/documents/catalogue-pipeline.ts";
import { createPipelineReviewer } from "../../src/review/pipeline-reviewer.ts";

const GOOD = `pipeline_id: ai_video
feature_id: ai_video_generation
on_failure: refund_quota
steps:
  - { id: check, type: validate_input }
  - { id: generate, type: runninghub.generate, retry: { max_attempts: 3 } }
`;
const sourceOf = (content: string, format: PipelineFormat = "YAML") => ({
  pipelineId: "ai_video" as PipelineId,
  path: "video/main.yaml",
  format,
  content,
});
const read = (content: string, format?: PipelineFormat) => readPipeline(sourceOf(content, format));
const rulesOf = (content: string, format?: PipelineFormat) =>
  read(content, format).findings.map(({ ruleId, severity }) => `${ruleId} ${severity}`);

describe("a text that is to be a pipeline of the catalogue", () => {
  it("passes when it is one pipeline and nothing stands against it, in YAML and in JSON", () => {
    const passed = { featureIds: ["ai_video_generation"], verdict: "PASS", findings: [] };
    assert.deepEqual(read(GOOD), passed);
    const json = { feature_id: "ai_video_generation", on_failure: "refund_quota", steps: [{ id: "a" }] };
    assert.deepEqual(read(`${JSON.stringify(json)} // ours`, "JSON"), passed);
  });

  it("fails with the line and the column of each finding", () => {
    const { verdict, findings } = read(GOOD.replace("refund_quota", "notify"));
    assert.equal(verdict, "FAIL");
    const [{ ruleId, line, column, endLine }] = findings as [(typeof findings)[0]];
    assert.deepEqual([ruleId, line, column, endLine], ["BG201", 3, 1, 3]);
  });

  it("isn't let through by any comment", () => {
    const hushed = `# billing-review-disable-file BG201 reason="ours" owner="li.wei" expires="2027-01-31"\n${GOOD}`;
    assert.deepEqual(rulesOf(hushed.replace("refund_quota", "notify")), ["BG201 FAIL"]);
  });

  it("fails where it is no pipeline, several, or one of many things in a file", () => {
    const others = [
      "hello",
      "",
      "- a\n- b\n",
      "name: no steps\n",
      "steps: [a, b]\n",
      `${GOOD}---\n${GOOD}`,
      `pipeline:\n${GOOD.replaceAll(/^/gm, "  ")}`,
      "services:\n  db:\n    image: mysql\n",
    ];
    for (const text of others) assert.ok(rulesOf(text).includes("BG303 FAIL"), text);
  });

  it("fails where it says that it is another pipeline", () => {
    const [finding] = read(GOOD.replace("id: ai_video", "id: ai_image")).findings;
    assert.deepEqual([finding?.ruleId, finding?.line], ["BG303", 1]);
  });

  it("fails where what it uses or does can't be told from it", () => {
    const unknown = GOOD.replace("ai_video_generation", "${{ inputs.feature }}");
    assert.deepEqual(rulesOf(unknown), ["BG303 FAIL"]);
    const other = GOOD.replace("type: validate_input", "pipeline: elsewhere");
    assert.equal(read(other).verdict, "FAIL");
    assert.deepEqual(rulesOf(other), ["BG209 NOT_ANALYSED"]);
    const broken = read("a: [1, 2\nsteps: {");
    assert.equal(broken.verdict, "FAIL");
    assert.ok(broken.findings.some(({ ruleId }) => ruleId === "BG301"));
  });

  it("isn't unfolded where it merges one map over and over", () => {
    const wide = Array.from({ length: 1_000 }, (_, at) => `  k${at}: 1`).join("\n");
    const { verdict, findings } = read(`b: &b\n${wide}\nm:\n${"  <<: *b\n".repeat(3_000)}`);
    assert.deepEqual([verdict, findings[0]?.ruleId], ["FAIL", "BG305"]);
  });

  it("tells every feature that it uses once, wherever it stands", () => {
    const steps = ["b", "a", "b"].map((id) => `  - { id: s, type: run, with: { feature_id: ${id} } }`);
    assert.deepEqual(read(GOOD + steps.join("\n")).featureIds, ["a", "ai_video_generation", "b"]);
  });

  it("may have warnings, and of very many findings only the first are told, failures first", () => {
    const warned = read(GOOD.replace("max_attempts: 3", "max_attempts: 99"));
    assert.deepEqual([warned.verdict, warned.findings.length], ["PASS_WITH_WARNING", 1]);
    const name = "x".repeat(5_000);
    const step = `  - { id: ${name.slice(0, 500)}, type: t, oddly: 1, on_error: continue }\n`;
    const { verdict, findings } = read(GOOD + step.repeat(300));
    assert.deepEqual([verdict, findings.length], ["FAIL", 100]);
    assert.ok(findings.every(({ severity, message }) => severity === "FAIL" && message.length <= 301));
  });
});

describe("the reviewer of pipelines", () => {
  it("reads a text in a process of its own, and tells its hash", async () => {
    const review = await createPipelineReviewer().review(sourceOf(GOOD));
    assert.equal(review.verdict, "PASS");
    assert.match(review.contentSha256, /^[0-9a-f]{64}$/);
  });

  it("survives texts that grow, nest or take for ever: they fail", async () => {
    const reviewer = createPipelineReviewer({ ms: 3_000, memoryMib: 128 });
    const anchors = Array.from({ length: 20 }, (_, at) => `a${at}: &a${at} [${`*a${at - 1},`.repeat(9)}]`);
    const wide = Array.from({ length: 2_000 }, (_, at) => `  k${at}: 1`).join("\n");
    const hostile = [
      anchors.join("\n").replace(/\[(?:\*a-1,)+\]/, "[1]"),
      "[".repeat(200_000),
      `${"- ".repeat(50_000)}a`,
      `b: &b\n${wide}\nm:\n${"  <<: *b\n".repeat(20_000)}`,
      `x: &x 1\ny: [${"*x,".repeat(60_000)}]\n`,
      "{".repeat(130_000),
    ];
    const reviews = await Promise.all(hostile.map((text) => reviewer.review(sourceOf(text))));
    for (const { verdict, findings } of reviews) {
      assert.equal(verdict, "FAIL");
      assert.ok(findings.length > 0);
    }
  });

  it("gives up a text that takes too long, or whose caller has gone", async () => {
    const slow = `x: &x 1\ny: [${"*x,".repeat(60_000)}]\n`;
    const { verdict, findings } = await createPipelineReviewer({ ms: 1 }).review(sourceOf(slow));
    assert.deepEqual([verdict, findings[0]?.ruleId], ["FAIL", "BG305"]);
    const gone = new Error("gone");
    const review = createPipelineReviewer().review(sourceOf(slow), AbortSignal.abort(gone));
    await assert.rejects(review, gone);
  });

  it("reads so many at one time, lets others wait, and refuses more as OVERLOADED", async () => {
    const reviewer = createPipelineReviewer({ running: 1, waiting: 2 });
    const ends = await Promise.allSettled([1, 2, 3, 4].map(() => reviewer.review(sourceOf(GOOD))));
    assert.deepEqual(
      ends.map(({ status }) => status),
      ["fulfilled", "fulfilled", "fulfilled", "rejected"],
    );
    const [, , , last] = ends;
    assert.ok(last?.status === "rejected" && last.reason instanceof Refusal);
    assert.equal(last.reason.reason, "OVERLOADED");
    assert.equal((await reviewer.review(sourceOf(GOOD))).verdict, "PASS");
  });
});
