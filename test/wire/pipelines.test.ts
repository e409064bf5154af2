import assert from "node:assert/strict";
import {
  Pipeline_Format,
  Pipeline_State,
  Pipeline_Verdict,
} from "../../src/gen/billing/catalog/v1/catalog.ts";
import {
  CatalogServiceService as Catalog,
  ListPipelinesRequest,
} from "../../src/gen/billing/catalog/v1/catalog_service.ts";
import { ReviewKind, Verdict } from "../../src/gen/billing/review/v1/review.ts";
import { ReviewServiceService as Reviews } from "../../src/gen/billing/review/v1/review_service.ts";
import { PLAIN_FEATURE, unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const textOf = (more = "", feature: string = PLAIN_FEATURE) => `feature_id: ${feature}
on_failure: refund_quota
steps:
  - { id: generate, type: image.upscale }
${more}`;

for (const flavour of flavours()) {
  describe(`pipelines over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    const as = { as: "operator" };
    /** What every command has: a key of its own, and no preview. */
    const command = () => ({ idempotencyKey: unique("key"), validateOnly: false });
    const newId = () => unique("pipeline-");
    const create = (pipelineId: string, content = textOf(), more = {}) =>
      service.call(
        Catalog.createPipelineVersion,
        { ...command(), pipelineId, path: "", content, ...more },
        as,
      );
    const publish = (pipelineId: string, version = 1, more = {}) =>
      service.call(Catalog.publishPipeline, { ...command(), pipelineId, version, ...more }, as);
    const retire = (pipelineId: string, reason = "over") =>
      service.call(Catalog.retirePipeline, { ...command(), pipelineId, reason }, as);
    const get = (pipelineId: string, version = 0) =>
      service.call(Catalog.getPipeline, { pipelineId, version }, { as: "pipeline" });
    const list = (asked: Parameters<typeof ListPipelinesRequest.fromPartial>[0]) =>
      service.call(Catalog.listPipelines, ListPipelinesRequest.fromPartial(asked), as);

    it("are written, published, read with their text, and retired", async () => {
      const pipelineId = newId();
      const { pipeline: draft, verdict, findings } = await create(pipelineId);
      assert.deepEqual([verdict, findings], [Pipeline_Verdict.PASS, []]);
      assert.deepEqual(
        [draft!.state, draft!.path, draft!.format, draft!.content, draft!.featureIds],
        [
          Pipeline_State.DRAFT,
          `pipelines/${pipelineId}.yaml`,
          Pipeline_Format.YAML,
          "",
          [PLAIN_FEATURE],
        ],
      );
      const { pipeline: published } = await publish(pipelineId);
      assert.equal(published!.state, Pipeline_State.PUBLISHED);
      assert.deepEqual([published!.createdBy, published!.publishedBy], ["operator", "operator"]);
      const { pipeline: read } = await get(pipelineId);
      assert.deepEqual(read, { ...published, content: textOf() });
      const { pipeline: retired } = await retire(pipelineId);
      assert.equal(retired!.state, Pipeline_State.RETIRED);
      const { pipeline: old } = await get(pipelineId, 1);
      assert.deepEqual({ ...old, content: "" }, retired);
    });

    it("have their review, with its warnings at their places, written with the publication", async () => {
      const pipelineId = newId();
      await create(pipelineId, textOf("x_note: a\nretrys: 3\n"));
      const preview = await publish(pipelineId, 1, { validateOnly: true });
      assert.equal(preview.reviewId, "");
      const { reviewId, findings } = await publish(pipelineId);
      const asked = { reviewId, reports: { json: true, sarif: true } };
      const { review, reports } = await service.call(Reviews.getReview, asked, {
        as: "auditor",
      });
      assert.deepEqual(
        [review?.subject, review?.kind, review?.verdict],
        [`pipeline/${pipelineId}/1`, ReviewKind.PIPELINE, Verdict.PASS_WITH_WARNING],
      );
      assert.ok(findings.length > 0);
      assert.deepEqual(
        review!.findings.map(({ ruleId, startLine }) => [ruleId, startLine]),
        findings.map(({ ruleId, line }) => [ruleId, line]),
      );
      assert.deepEqual(reports, { json: "", sarif: "" });
    });

    it("are taken as JSON by their path, or by their first letter", async () => {
      const json = JSON.stringify({
        feature_id: PLAIN_FEATURE,
        on_failure: "refund_quota",
        steps: [{ id: "a" }],
      });
      const { pipeline } = await create(newId(), json);
      assert.equal(pipeline!.format, Pipeline_Format.JSON);
      const { pipeline: named } = await create(newId(), json, { path: "ai/video.yml" });
      assert.deepEqual([named!.format, named!.path], [Pipeline_Format.YAML, "ai/video.yml"]);
      assert.equal((await publish(named!.pipelineId)).pipeline!.verdict, Pipeline_Verdict.PASS);
    });

    it("that the reviewer fails are refused with the file, the line and the column of each finding", async () => {
      const pipelineId = newId();
      const hushed = `# billing-review-disable-file BG202 reason="ours" owner="li.wei" expires="2027-01-31"\n`;
      const bad = textOf("  - id: notify\n    type: mail\n    continue_on_error: true\n");
      const written = await create(pipelineId, hushed + bad, { path: "pipelines/bad.yaml" });
      assert.equal(written.verdict, Pipeline_Verdict.FAIL);
      const [finding] = written.findings;
      assert.deepEqual([finding!.ruleId, finding!.severity, finding!.line], ["BG202", "FAIL", 8]);
      const facts = { pipelineId, version: "1", rules: "BG202" };
      const told = await assertRefused(publish(pipelineId), "PIPELINE_REVIEW_FAILED", facts);
      assert.deepEqual(
        told.violations.map(({ type, subject }) => [type, subject]),
        [["BG202", "pipelines/bad.yaml:8:5"]],
      );
      await assertRefused(get(pipelineId), "PIPELINE_STATE_INVALID", { state: "none in force" });
    });

    it("that nobody can judge are refused too: never a pass by silence", async () => {
      const pipelineId = newId();
      await create(pipelineId, textOf("  - { id: more, pipeline: elsewhere }\n"));
      await assertRefused(publish(pipelineId), "PIPELINE_REVIEW_FAILED", { rules: "BG209" });
      const broken = newId();
      await create(broken, "steps: [");
      await assertRefused(publish(broken), "PIPELINE_REVIEW_FAILED");
    });

    it("keep the warnings with which they were published", async () => {
      const pipelineId = newId();
      await create(pipelineId, textOf("  - { id: b, type: t, retry: { max_attempts: 99 } }\n"));
      const { findings, pipeline } = await publish(pipelineId);
      assert.equal(pipeline!.verdict, Pipeline_Verdict.PASS_WITH_WARNING);
      assert.deepEqual(
        findings.map(({ ruleId, severity }) => [ruleId, severity]),
        [["BG208", "WARN"]],
      );
      assert.deepEqual((await get(pipelineId)).findings, findings);
    });

    it("use only features of which a version is in force", async () => {
      const pipelineId = newId();
      await create(pipelineId, textOf("", "no-such-feature"));
      const facts = { pipelineId, version: "1", featureIds: "no-such-feature" };
      await assertRefused(publish(pipelineId), "PIPELINE_FEATURE_UNPUBLISHED", facts);
    });

    it("that are unknown are refused as PIPELINE_NOT_FOUND", async () => {
      const facts = { pipelineId: "no-such" };
      await assertRefused(publish("no-such"), "PIPELINE_NOT_FOUND", facts);
      await assertRefused(retire("no-such"), "PIPELINE_NOT_FOUND", facts);
      await assertRefused(get("no-such"), "PIPELINE_NOT_FOUND", facts);
      await assertRefused(get("no-such", 1), "PIPELINE_NOT_FOUND", facts);
    });

    it("change once for a key", async () => {
      const pipelineId = newId();
      const key = { idempotencyKey: unique("key") };
      const answer = await create(pipelineId, textOf(), key);
      assert.deepEqual(await create(pipelineId, textOf(), key), { ...answer, replayed: true });
      const other = create(pipelineId, textOf("# more\n"), key);
      await assertRefused(other, "IDEMPOTENCY_KEY_REUSED", { field: "content" });
      const published = await publish(pipelineId, 1, key);
      assert.deepEqual(await publish(pipelineId, 1, key), { ...published, replayed: true });
    });

    it("are only tried with validate_only, and refused as they would be", async () => {
      const pipelineId = newId();
      const tried = { validateOnly: true };
      assert.equal((await create(pipelineId, textOf(), tried)).pipeline!.version, 1);
      await assertRefused(get(pipelineId, 1), "PIPELINE_NOT_FOUND");
      await create(pipelineId);
      assert.equal((await publish(pipelineId, 1, tried)).pipeline!.state, Pipeline_State.PUBLISHED);
      assert.equal((await get(pipelineId, 1)).pipeline!.state, Pipeline_State.DRAFT);
    });

    it("are listed in pages, without their text", async () => {
      const pipelineId = newId();
      for (const version of [1, 2, 3]) {
        await create(pipelineId);
        await publish(pipelineId, version);
      }
      const inForce = await list({ pipelineId, featureId: PLAIN_FEATURE });
      assert.deepEqual(
        inForce.pipelines.map(({ version, content }) => [version, content]),
        [[3, ""]],
      );
      const asked = { pipelineId, includeAllStates: true, pageSize: 2 };
      const first = await list(asked);
      const second = await list({ ...asked, pageToken: first.nextPageToken });
      const pages = [first, second].map(({ pipelines }) => pipelines.map(({ state }) => state));
      const { SUPERSEDED, PUBLISHED } = Pipeline_State;
      assert.deepEqual(pages, [[SUPERSEDED, SUPERSEDED], [PUBLISHED]]);
      assert.equal(second.nextPageToken, "");
      assert.deepEqual((await list({ featureId: "no-such-feature" })).pipelines, []);
    });

    it("report every bad field", async () => {
      const bad = { idempotencyKey: "", path: "../a.txt" };
      const fields = ["idempotency_key", "pipeline_id", "content", "path"] as const;
      await assertBadFields(create("!", "", bad), ...fields);
      await assertBadFields(create("p", "流".repeat(100_000)), "content");
      await assertBadFields(create("p", "steps:\u0000"), "content");
      await assertBadFields(create("p", textOf(), { path: `${"a".repeat(255)}.yaml` }), "path");
      await assertBadFields(publish("!", 0), "pipeline_id", "version");
      await assertBadFields(retire("!", ""), "pipeline_id", "reason");
      await assertBadFields(get("!", -1), "pipeline_id", "version");
      const both = { state: Pipeline_State.DRAFT, includeAllStates: true };
      await assertBadFields(list({ ...both, pageToken: "!" }), "state", "page_token");
    });
  });
}
