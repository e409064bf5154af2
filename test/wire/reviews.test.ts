import assert from "node:assert/strict";
import { CatalogServiceService as Catalog } from "../../src/gen/billing/catalog/v1/catalog_service.ts";
import { CreateFeatureVersionRequest } from "../../src/gen/billing/catalog/v1/catalog_service.ts";
import { Feature_AccessScope } from "../../src/gen/billing/catalog/v1/catalog.ts";
import {
  LockPolicy,
  ReviewKind,
  Severity,
  Verdict,
} from "../../src/gen/billing/review/v1/review.ts";
import {
  ListReviewsRequest,
  ReviewCodeRequest,
  ReviewFeatureRequest,
  ReviewPipelineRequest,
  ReviewServiceService as Reviews,
} from "../../src/gen/billing/review/v1/review_service.ts";
import { ALL_RULES } from "../../src/review/catalogue.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const UNSAFE = `export async function spend(db, id) {
  const user = await db("users").where({ id }).first();
  if (user.credits < 1) throw new Error("none");
  await db("users").where({ id }).decrement("credits", 1);
}
`;
const PIPELINE = `pipeline_id: try_on
on_failure: refund_quota
steps:
  - { id: make, type: image.generate }
`;

for (const flavour of flavours()) {
  describe(`reviews over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    const as = { as: "reviewer" };
    const codeOf = (content: string, change: Partial<ReviewCodeRequest> = {}) =>
      ReviewCodeRequest.fromPartial({ files: [{ path: "src/spend.ts", content }], ...change });
    /** No review of it is kept yet. */
    const fresh = (content: string) => `${content}// ${unique("fresh")}\n`;

    it("an unsafe deduction fails, at its place and with the way that leads there", async () => {
      const request = codeOf(fresh(UNSAFE));
      const { review, replayed, reports } = await service.call(Reviews.reviewCode, request, as);
      assert.ok(review);
      assert.deepEqual(
        [review.verdict, review.kind, replayed],
        [Verdict.FAIL, ReviewKind.CODE, false],
      );
      const [finding] = review.findings;
      assert.ok(finding);
      const { ruleId, severity, path, startLine, startColumn } = finding;
      assert.deepEqual([ruleId, severity, path], ["BG001", Severity.FAIL, "src/spend.ts"]);
      assert.deepEqual([startLine, startColumn > 0], [4, true]);
      assert.ok(finding.steps.length > 0 && finding.remediation !== "");
      assert.deepEqual(
        review.checklist.map(({ item }) => item),
        [1, 2, 3, 4, 5, 6, 7],
      );
      assert.equal(review.caller, "reviewer");
      assert.deepEqual(reports, { json: "", sarif: "" });
    });

    it("the same files are reviewed once: 8 times at once, and later", async () => {
      const request = codeOf(fresh(UNSAFE));
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => service.call(Reviews.reviewCode, request, as)),
      );
      const ids = new Set(answers.map(({ review }) => review!.reviewId));
      assert.equal(ids.size, 1);
      assert.equal(answers.filter(({ replayed }) => !replayed).length, 1);
      const later = await service.call(Reviews.reviewCode, request, { as: "operator" });
      assert.deepEqual([later.replayed, later.review], [true, answers[0]!.review]);
      const strict = { ...request, lockPolicy: LockPolicy.STRICT };
      const other = await service.call(Reviews.reviewCode, strict, as);
      assert.equal(ids.has(other.review!.reviewId), false);
    });

    it("a review is found by its id, with the reports that it had", async () => {
      const request = codeOf(fresh(UNSAFE), { reports: { json: true, sarif: true } });
      const first = await service.call(Reviews.reviewCode, request, as);
      assert.match(first.reports!.sarif, /"version": "2\.1\.0"/);
      const { reviewId } = first.review!;
      const asked = { reviewId, reports: { json: true, sarif: true } };
      const found = await service.call(Reviews.getReview, asked, { as: "auditor" });
      assert.deepEqual(found, { review: first.review, reports: first.reports });
      const none = { reviewId: "rev_none", reports: undefined };
      await assertRefused(service.call(Reviews.getReview, none, as), "REVIEW_NOT_FOUND", {
        reviewId: "rev_none",
      });
    });

    it("lists are newest first, by kind, verdict and subject, page by page", async () => {
      const path = `pipelines/${unique("p")}.yaml`;
      const contents = [1, 2, 3].map((n) => `${PIPELINE}# ${n}\n`);
      const made: string[] = [];
      for (const content of contents) {
        const request = ReviewPipelineRequest.fromPartial({ document: { path, content } });
        const { review } = await service.call(Reviews.reviewPipeline, request, as);
        assert.equal(review?.verdict, Verdict.PASS, JSON.stringify(review?.findings));
        made.unshift(review.reviewId);
      }
      const list = ListReviewsRequest.fromPartial({
        subject: path,
        kind: ReviewKind.PIPELINE,
        verdict: Verdict.PASS,
        pageSize: 2,
      });
      const page = await service.call(Reviews.listReviews, list, as);
      const pageToken = page.nextPageToken;
      const rest = await service.call(Reviews.listReviews, { ...list, pageToken }, as);
      const listed = [...page.reviews, ...rest.reviews].map(({ reviewId }) => reviewId);
      assert.deepEqual([listed, rest.nextPageToken], [made, ""]);
      const failed = { ...list, verdict: Verdict.FAIL };
      assert.deepEqual((await service.call(Reviews.listReviews, failed, as)).reviews, []);
    });

    it("a definition without limits and a pipeline without refunds fail", async () => {
      const feature = ReviewFeatureRequest.fromPartial({
        document: {
          path: "features/video.yaml",
          content: `feature_id: ${unique("video")}\nquota_cost: 5\nhigh_cost: true\ncategory: video\n`,
        },
      });
      const one = await service.call(Reviews.reviewFeature, feature, as);
      assert.equal(one.review?.verdict, Verdict.FAIL);
      assert.equal(one.review.subject, "features/video.yaml");
      const content = fresh(PIPELINE.replace("refund_quota", "notify")).replaceAll("//", "#");
      const pipeline = ReviewPipelineRequest.fromPartial({
        document: { path: "pipelines/a.yml", content },
      });
      const other = await service.call(Reviews.reviewPipeline, pipeline, as);
      assert.equal(other.review?.verdict, Verdict.FAIL);
      assert.ok(other.review.findings.some(({ ruleId }) => ruleId === "BG201"));
    });

    it("a document that holds nothing of its kind is refused, and never a PASS", async () => {
      const document = { path: "features/a.json", content: `{"name":"${unique("x")}"}` };
      await assertBadFields(
        service.call(Reviews.reviewFeature, { document, reports: undefined }, as),
        "document",
      );
      await assertBadFields(
        service.call(Reviews.reviewPipeline, { document, reports: undefined }, as),
        "document",
      );
    });

    it("paths that lead out of the repository, twice the same, or of another kind are refused", async () => {
      const files = ["/etc/passwd", "../a.ts", "a//b.ts", "a\\b.ts", "a.ts", "a.ts"].map(
        (path) => ({
          path,
          content: "",
        }),
      );
      const request = ReviewCodeRequest.fromPartial({ files });
      await assertBadFields(
        service.call(Reviews.reviewCode, request, as),
        ...[0, 1, 2, 3, 5].map((at) => `files[${at}].path`),
      );
      const document = { path: "a.ts", content: "" };
      await assertBadFields(
        service.call(Reviews.reviewFeature, { document, reports: undefined }, as),
        "document.path",
      );
    });

    it("3 MiB of code are taken, and 5 MiB are not", async () => {
      const part = "export const a = 1; ".repeat(50_000);
      const filesOf = (count: number) =>
        Array.from({ length: count }, (_, n) => ({ path: `src/${n}.ts`, content: fresh(part) }));
      const request = ReviewCodeRequest.fromPartial({ files: filesOf(3) });
      const { review } = await service.call(Reviews.reviewCode, request, as);
      assert.deepEqual([review?.verdict, review?.filesAnalysed], [Verdict.PASS, 3]);
      const larger = ReviewCodeRequest.fromPartial({ files: filesOf(5) });
      await assert.rejects(service.call(Reviews.reviewCode, larger, as), /larger than max/);
    });

    it("a published feature version has its review, written with the publication", async () => {
      const featureId = unique("reviewed");
      const feature = {
        featureId,
        displayName: "Video",
        quotaCost: 5n,
        highCost: true,
        category: "video",
        accessScope: Feature_AccessScope.MEMBER,
        rateLimitPolicy: { maxPerHour: 3, maxPerDay: 10, cooldownSeconds: 600, maxInFlight: 0 },
      };
      const idempotencyKey = unique("key");
      const create = CreateFeatureVersionRequest.fromPartial({ idempotencyKey, feature });
      await service.call(Catalog.createFeatureVersion, create, { as: "operator" });
      const publish = { idempotencyKey: unique("key"), featureId, version: 1, validateOnly: false };
      const operator = { as: "operator" };
      const preview = { ...publish, validateOnly: true };
      assert.equal((await service.call(Catalog.publishFeature, preview, operator)).reviewId, "");
      const { reviewId } = await service.call(Catalog.publishFeature, publish, operator);
      const again = await service.call(Catalog.publishFeature, publish, operator);
      assert.deepEqual([again.replayed, again.reviewId], [true, reviewId]);
      const asked = { reviewId, reports: undefined };
      const { review } = await service.call(Reviews.getReview, asked, as);
      assert.equal(review?.subject, `feature/${featureId}/1`);
      assert.equal(review.caller, "operator");
      const list = ListReviewsRequest.fromPartial({ subject: review.subject });
      const { reviews } = await service.call(Reviews.listReviews, list, as);
      assert.equal(reviews.length, 1);
    });

    it("what was said stays said: rows can be neither changed nor removed", async () => {
      const { bank } = service;
      await assert.rejects(bank.sql("update reviews set verdict = 'PASS'"), /append-only/);
      await assert.rejects(bank.sql("delete from reviews"), /append-only/);
    });

    it("every rule is listed, by its id", async () => {
      const { rules } = await service.call(Reviews.listRules, {}, { as: "storefront" });
      assert.deepEqual(
        rules.map(({ ruleId }) => ruleId),
        ALL_RULES.map(({ id }) => id),
      );
      assert.ok(rules.length > 40);
    });
  });
}
