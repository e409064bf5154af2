import assert from "node:assert/strict";
import { publishFeature } from "../../src/billing/catalog/publish-feature.ts";
import { retireFeature } from "../../src/billing/catalog/retire-feature.ts";
import {
  publishPipelineVersion,
  retirePipeline,
  writePipelineVersion,
} from "../../src/billing/catalog/pipeline-changes.ts";
import {
  createPipelineVersion,
  getPipeline,
  publishPipeline,
} from "../../src/billing/catalog/publish-pipeline.ts";
import type { PipelineReview, PipelineState } from "../../src/billing/catalog/pipeline.ts";
import type { FeatureId, PipelineId } from "../../src/billing/id.ts";
import { Refusal, type Reason } from "../../src/billing/refusal.ts";
import { openCatalogue, uniqueName, type Catalogue, type Sending } from "../support/catalog.ts";
import { flavours } from "../support/servers.ts";

const refused =
  (reason: Reason, facts: Record<string, string> = {}) =>
  (error: unknown) => {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.reason, reason);
    for (const [key, value] of Object.entries(facts)) assert.equal(error.facts[key], value);
    return true;
  };
const times = <T>(count: number, make: (at: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, at) => make(at)));

for (const flavour of flavours()) {
  describe(`pipelines in the books on ${flavour}`, () => {
    let catalogue: Catalogue;
    let featureId: FeatureId;
    before(async () => {
      catalogue = await openCatalogue(flavour);
      ({ featureId } = await catalogue.published());
    });
    after(() => catalogue.close());

    const newId = () => uniqueName("pipeline-") as PipelineId;
    const reviewOf = (change: Partial<PipelineReview> = {}): PipelineReview => ({
      contentSha256: "a".repeat(64),
      featureIds: [featureId],
      verdict: "PASS",
      findings: [],
      ...change,
    });
    const textOf = (pipelineId: PipelineId, content = "steps: []\n") => ({
      pipelineId,
      path: `pipelines/${pipelineId}.yaml`,
      format: "YAML" as const,
      content,
    });
    const write = async (pipelineId: PipelineId, review = reviewOf(), more: Sending = {}) =>
      (await catalogue.send(writePipelineVersion, { source: textOf(pipelineId), review }, more))
        .answer.pipeline;
    const publish = (
      pipelineId: PipelineId,
      version: number,
      review = reviewOf(),
      more: Sending = {},
    ) => catalogue.send(publishPipelineVersion, { pipelineId, version, review }, more);
    const retire = (pipelineId: PipelineId, more: Sending = {}) =>
      catalogue.send(retirePipeline, { pipelineId, reason: "over" }, more);
    const list = (pipelineId: PipelineId, state: PipelineState | null = null) =>
      catalogue.reader.listPipelines(
        { pipelineId, featureId: null, state },
        { after: null, limit: 100 },
      );
    const statesOf = async (pipelineId: PipelineId) =>
      (await list(pipelineId)).map(({ state }) => state);
    const countAll = async () => {
      const tables = ["pipeline_versions", "pipeline_steps", "operations", "audit_events"];
      const sql = tables.map((name) => `select '${name}' as name, count(*) as n from ${name}`);
      return (await catalogue.sql(sql.join(" union all "))).map((row) => Number(row["n"]));
    };

    it("go from draft to force to retirement, and are read as they were answered", async () => {
      const id = newId();
      const { reader } = catalogue;
      assert.equal(await reader.findPipeline(id, 0), undefined);
      const written = await write(id);
      assert.deepEqual(await list(id), [written]);
      assert.equal(await reader.findPipeline(id, 0), 1);
      const finding = {
        ruleId: "BG208",
        severity: "WARN" as const,
        message: "重试过多",
        remediation: "Less.",
        line: 1,
        column: 2,
        endLine: 3,
        endColumn: 4,
      };
      const said = reviewOf({ verdict: "PASS_WITH_WARNING", findings: [finding] });
      const { answer } = await publish(id, 1, said);
      const stored = await getPipeline(reader, { pipelineId: id, version: 0 });
      assert.deepEqual(stored, {
        pipeline: answer.pipeline,
        content: "steps: []\n",
        findings: [finding],
      });
      await write(id);
      await publish(id, 2);
      assert.deepEqual(await statesOf(id), ["SUPERSEDED", "PUBLISHED"]);
      const { answer: retired } = await retire(id);
      assert.deepEqual((await list(id))[1], retired.pipeline);
      assert.deepEqual(await statesOf(id), ["SUPERSEDED", "RETIRED"]);
      assert.equal(await reader.findPipeline(id, 0), 2);
      await assert.rejects(
        publish(id, 1),
        refused("PIPELINE_STATE_INVALID", { state: "SUPERSEDED" }),
      );
    });

    it("keep a text of the largest length, byte by byte", async () => {
      const id = newId();
      const content = `# 流程 😀 ' " \\ %_ ;\r\n${"x".repeat(262_000)}`;
      await catalogue.send(writePipelineVersion, {
        source: textOf(id, content),
        review: reviewOf(),
      });
      assert.equal(
        (await getPipeline(catalogue.reader, { pipelineId: id, version: 1 })).content,
        content,
      );
    });

    it("are numbered without gap or double when 10 are written at once", async () => {
      const id = newId();
      const written = await times(10, () => write(id));
      const numbers = written.map(({ version }) => version).sort((a, b) => a - b);
      assert.deepEqual(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });

    it("have one version in force, whoever publishes at once", async () => {
      const id = newId();
      await times(6, () => write(id));
      await times(6, (at) => publish(id, at + 1));
      const states = (await statesOf(id)).toSorted();
      assert.deepEqual(states, ["PUBLISHED", ...Array.from({ length: 5 }, () => "SUPERSEDED")]);
    });

    it("come into force once when two publish the same version at once", async () => {
      const id = newId();
      await write(id);
      const ends = await Promise.allSettled([publish(id, 1), publish(id, 1)]);
      const lost = ends.filter((end) => end.status === "rejected");
      assert.equal(lost.length, 1);
      refused("PIPELINE_STATE_INVALID", { state: "PUBLISHED" })(lost[0]?.reason);
      assert.deepEqual(await statesOf(id), ["PUBLISHED"]);
    });

    it("change once for a key, at once and later, and the answer is the same", async () => {
      const id = newId();
      const [writeKey, publishKey, retireKey] = [1, 2, 3].map(() => ({ key: uniqueName("key") }));
      const drafts = await times(5, () => write(id, reviewOf(), writeKey));
      for (const one of drafts) assert.deepEqual(one, drafts[0]);
      const published = await times(5, () => publish(id, 1, reviewOf(), publishKey));
      assert.equal(published.filter(({ replayed }) => !replayed).length, 1);
      for (const { answer } of published) assert.deepEqual(answer, published[0]!.answer);
      const { answer } = await retire(id, retireKey);
      const counts = await countAll();
      const again = await retire(id, retireKey);
      assert.deepEqual([again.answer, again.replayed], [answer, true]);
      assert.equal((await publish(id, 1, reviewOf(), publishKey)).replayed, true);
      assert.deepEqual(await countAll(), counts);
      const other = write(id, reviewOf({ contentSha256: "b".repeat(64) }), writeKey);
      await assert.rejects(other, refused("IDEMPOTENCY_KEY_REUSED", { field: "content" }));
    });

    it("write nothing when they are only tried, or refused", async () => {
      const id = newId();
      await write(id);
      const counts = await countAll();
      await write(id, reviewOf(), { validateOnly: true });
      await publish(id, 1, reviewOf(), { validateOnly: true });
      await assert.rejects(
        publish(id, 1, reviewOf({ verdict: "FAIL" })),
        refused("PIPELINE_REVIEW_FAILED"),
      );
      await assert.rejects(
        retire(id),
        refused("PIPELINE_STATE_INVALID", { state: "none in force" }),
      );
      await assert.rejects(publish(id, 2), refused("PIPELINE_NOT_FOUND", { pipelineId: id }));
      assert.deepEqual(await countAll(), counts);
    });

    it("are published only while all of their features are, retired at once or not", async () => {
      const id = newId();
      const feature = await catalogue.draft();
      const review = reviewOf({ featureIds: [featureId, feature.featureId].toSorted() });
      await write(id, review);
      const unmet = refused("PIPELINE_FEATURE_UNPUBLISHED", { featureIds: feature.featureId });
      await assert.rejects(publish(id, 1, review), unmet);
      await catalogue.send(publishFeature, { featureId: feature.featureId, version: 1 });
      const [published, retired] = await Promise.allSettled([
        publish(id, 1, review),
        catalogue.send(retireFeature, { featureId: feature.featureId, reason: "over" }),
      ]);
      assert.equal(retired.status, "fulfilled");
      // Whoever came second has seen the other's change.
      if (published.status === "rejected") unmet(published.reason);
      await write(id, review);
      await assert.rejects(publish(id, 2, review), unmet);
    });

    it("are never changed or removed, and each step of a version is there once", async () => {
      const id = newId();
      await write(id);
      await publish(id, 1);
      for (const table of ["pipeline_versions", "pipeline_steps"]) {
        const named = `where pipeline_id = '${id}'`;
        await assert.rejects(
          catalogue.sql(`update ${table} set version = 7 ${named}`),
          /append-only/,
        );
        await assert.rejects(catalogue.sql(`delete from ${table} ${named}`), /append-only/);
      }
      const again = `insert into pipeline_steps select * from pipeline_steps where pipeline_id = '${id}'`;
      await assert.rejects(catalogue.sql(again), /[Dd]uplicate/);
      const sql = `select action, actor from audit_events where subject = 'pipeline/${id}/1' order by event_id`;
      assert.deepEqual(
        (await catalogue.sql(sql)).map((row) => [row["action"], row["actor"]]),
        [
          ["CreatePipelineVersion", "ada"],
          ["PublishPipeline", "ada"],
        ],
      );
    });

    it("are listed by key, by state and by feature, without a gap between pages", async () => {
      const { featureId: own } = await catalogue.published();
      const review = reviewOf({ featureIds: [own] });
      const ids = Array.from({ length: 3 }, newId).toSorted();
      for (const id of ids) {
        await write(id, review);
        await publish(id, 1, review);
        await write(id, review);
      }
      const filter = { pipelineId: null, featureId: own, state: null };
      const seen: string[] = [];
      for (let after = null as { pipelineId: PipelineId; version: number } | null; ;) {
        const page = await catalogue.reader.listPipelines(filter, { after, limit: 2 });
        seen.push(...page.map(({ pipelineId, version }) => `${pipelineId} ${version}`));
        if (page.length < 2) break;
        after = page[1]!;
      }
      assert.deepEqual(
        seen,
        ids.flatMap((id) => [`${id} 1`, `${id} 2`]),
      );
      const page = { after: null, limit: 100 };
      const inForce = await catalogue.reader.listPipelines({ ...filter, state: "PUBLISHED" }, page);
      assert.deepEqual(
        inForce.map(({ version }) => version),
        [1, 1, 1],
      );
      const drafts = await catalogue.reader.listPipelines({ ...filter, state: "DRAFT" }, page);
      assert.deepEqual(
        drafts.map(({ version }) => version),
        [2, 2, 2],
      );
    });

    it("are reviewed before the books are opened, and only while they are drafts", async () => {
      const id = newId();
      let reviews = 0;
      const reviewer = {
        review: () => {
          reviews += 1;
          return Promise.resolve(reviewOf());
        },
      };
      const doors = { ...catalogue, reviewer };
      const common = { caller: { name: "ada" }, validateOnly: false };
      const create = { ...common, input: textOf(id), idempotencyKey: uniqueName("key") };
      await createPipelineVersion(doors, create);
      const command = {
        ...common,
        input: { pipelineId: id, version: 1 },
        idempotencyKey: uniqueName("key"),
      };
      const { answer } = await publishPipeline(doors, command);
      assert.equal(reviews, 2);
      assert.deepEqual(await publishPipeline(doors, command).then((again) => again.answer), answer);
      const later = publishPipeline(doors, { ...command, idempotencyKey: uniqueName("key") });
      await assert.rejects(later, refused("PIPELINE_STATE_INVALID"));
      assert.equal(reviews, 2);
      const unknown = { ...command, input: { pipelineId: newId(), version: 1 } };
      await assert.rejects(publishPipeline(doors, unknown), refused("PIPELINE_NOT_FOUND"));
    });
  });
}
