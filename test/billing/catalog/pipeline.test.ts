import assert from "node:assert/strict";
import type { CatalogDesk } from "../../../src/billing/catalog/desk.ts";
import {
  publishPipelineVersion,
  retirePipeline,
  writePipelineVersion,
} from "../../../src/billing/catalog/pipeline-changes.ts";
import type {
  Pipeline,
  PipelineFile,
  PipelineReview,
  PlacedFinding,
} from "../../../src/billing/catalog/pipeline.ts";
import type { FeatureId, PipelineId } from "../../../src/billing/id.ts";
import { Refusal, type Reason } from "../../../src/billing/refusal.ts";

const NOW_MS = 1_700_000_000_000;
const pipelineId = "ai_video" as PipelineId;
const SHA256 = "0".repeat(64);

const draft = (change: Partial<Pipeline> = {}): Pipeline => ({
  pipelineId,
  path: "pipelines/ai_video.yaml",
  format: "YAML",
  version: 2,
  state: "DRAFT",
  contentSha256: SHA256,
  featureIds: ["video" as FeatureId],
  verdict: null,
  createTimeMs: 1,
  createdBy: "bob",
  publishTimeMs: null,
  publishedBy: null,
  endTimeMs: null,
  ...change,
});
const desk = (file?: Partial<PipelineFile>): CatalogDesk => ({
  nowMs: NOW_MS,
  caller: { name: "ada" },
  file: undefined,
  approval: undefined,
  offer: undefined,
  pipeline: file && {
    lastVersion: 2,
    inForce: undefined,
    named: draft(),
    unpublishedFeatureIds: [],
    ...file,
  },
  knowsUser: false,
  newId: (prefix) => `${prefix}_1`,
});
const finding = (change: Partial<PlacedFinding> = {}): PlacedFinding => ({
  ruleId: "BG201",
  severity: "FAIL",
  message: "the quota is kept",
  remediation: "Give it back.",
  line: 3,
  column: 5,
  endLine: 3,
  endColumn: 9,
  ...change,
});
const review = (change: Partial<PipelineReview> = {}): PipelineReview => ({
  contentSha256: SHA256,
  featureIds: ["video" as FeatureId],
  verdict: "PASS",
  findings: [],
  ...change,
});
const publish = (at: CatalogDesk, said: PipelineReview | undefined = review()) =>
  publishPipelineVersion.decide(at, { pipelineId, version: 2, review: said });

function refusalOf(work: () => unknown, reason: Reason): Refusal {
  let refusal: unknown;
  assert.throws(work, (error) => {
    refusal = error;
    return error instanceof Refusal && error.reason === reason;
  });
  return refusal as Refusal;
}

describe("pipelines in the catalogue, decided", () => {
  it("are written as a draft whatever the reviewer says, with what it says", () => {
    const source = { pipelineId, path: "a.yaml", format: "YAML" as const, content: "steps" };
    const said = review({ verdict: "FAIL", findings: [finding()] });
    const first = writePipelineVersion.decide(desk(), { source, review: said });
    assert.deepEqual(
      [first.answer.pipeline.version, first.answer.pipeline.state, first.answer.verdict],
      [1, "DRAFT", "FAIL"],
    );
    const [write] = first.writes.pipelines!;
    assert.ok(write?.kind === "VERSION" && write.content === "steps");
    const next = writePipelineVersion.decide(desk({}), { source, review: said });
    assert.equal(next.answer.pipeline.version, 3);
  });

  it("come into force in place of the version before", () => {
    const before = draft({ version: 1, state: "PUBLISHED" });
    const said = review({
      verdict: "PASS_WITH_WARNING",
      findings: [finding({ severity: "WARN" })],
    });
    const { writes, answer } = publish(desk({ inForce: before }), said);
    assert.deepEqual(writes.pipelines, [
      { kind: "SUPERSEDED", ref: { pipelineId, version: 1 } },
      {
        kind: "PUBLISHED",
        ref: { pipelineId, version: 2 },
        verdict: "PASS_WITH_WARNING",
        findings: said.findings,
      },
    ]);
    const { state, publishTimeMs, publishedBy, verdict } = answer.pipeline;
    assert.deepEqual(
      [state, publishTimeMs, publishedBy, verdict],
      ["PUBLISHED", NOW_MS, "ada", "PASS_WITH_WARNING"],
    );
  });

  it("are refused for the first thing that stands against them", () => {
    const failed = review({ verdict: "FAIL", findings: [finding()] });
    const missing = ["video" as FeatureId];
    refusalOf(() => publish(desk(), failed), "PIPELINE_NOT_FOUND");
    refusalOf(() => publish(desk({ named: undefined }), failed), "PIPELINE_NOT_FOUND");
    for (const state of ["PUBLISHED", "SUPERSEDED", "RETIRED"] as const) {
      const at = desk({ named: draft({ state }), unpublishedFeatureIds: missing });
      refusalOf(() => publish(at, failed), "PIPELINE_STATE_INVALID");
    }
    const at = desk({ unpublishedFeatureIds: missing });
    refusalOf(() => publish(at, failed), "PIPELINE_REVIEW_FAILED");
    const { facts } = refusalOf(() => publish(at), "PIPELINE_FEATURE_UNPUBLISHED");
    assert.deepEqual(facts, { pipelineId, version: "2", featureIds: "video" });
  });

  it("are refused with the place of each finding that refuses, as far as a trailer holds them", () => {
    const warning = finding({ severity: "WARN", ruleId: "BG208" });
    const unread = finding({ severity: "NOT_ANALYSED", ruleId: "BG209", line: 7 });
    const said = review({ verdict: "FAIL", findings: [finding(), unread, warning] });
    const { facts, violations } = refusalOf(
      () => publish(desk({}), said),
      "PIPELINE_REVIEW_FAILED",
    );
    assert.deepEqual(facts, { pipelineId, version: "2", rules: "BG201,BG209" });
    assert.deepEqual(
      violations.map(({ type, subject }) => [type, subject]),
      [
        ["BG201", "pipelines/ai_video.yaml:3:5"],
        ["BG209", "pipelines/ai_video.yaml:7:5"],
      ],
    );
    const many = review({
      verdict: "FAIL",
      findings: Array.from({ length: 100 }, () => finding({ message: "配额".repeat(150) })),
    });
    const told = refusalOf(() => publish(desk({}), many), "PIPELINE_REVIEW_FAILED").violations;
    assert.ok(Buffer.byteLength(JSON.stringify(told)) < 6_000);
    assert.deepEqual(told.at(-1)?.description, "92 more findings refuse it");
  });

  it("are never published by the review of another text", () => {
    assert.throws(() => publish(desk({}), review({ contentSha256: "1".repeat(64) })), /assertion/);
    assert.throws(
      () => publishPipelineVersion.decide(desk({}), { pipelineId, version: 2, review: undefined }),
      /assertion/,
    );
  });

  it("go out of force, once", () => {
    const input = { pipelineId, reason: "over" };
    refusalOf(() => retirePipeline.decide(desk(), input), "PIPELINE_NOT_FOUND");
    const { facts } = refusalOf(
      () => retirePipeline.decide(desk({}), input),
      "PIPELINE_STATE_INVALID",
    );
    assert.deepEqual(facts, { pipelineId, version: "2", state: "none in force" });
    const inForce = draft({ state: "PUBLISHED", verdict: "PASS" });
    const { answer, writes } = retirePipeline.decide(desk({ inForce }), input);
    assert.deepEqual([answer.pipeline.state, answer.pipeline.endTimeMs], ["RETIRED", NOW_MS]);
    assert.deepEqual(writes.pipelines, [{ kind: "RETIRED", ref: { pipelineId, version: 2 } }]);
    assert.equal(writes.notes[0]?.reason, "over");
  });
});
