import assert from "node:assert/strict";
import type { ApprovalMatter } from "../../src/billing/catalog/approval.ts";
import { approve, reject } from "../../src/billing/catalog/decide-approval.ts";
import { getApproval } from "../../src/billing/catalog/get-approval.ts";
import { publishFeature } from "../../src/billing/catalog/publish-feature.ts";
import { requestApproval } from "../../src/billing/catalog/request-approval.ts";
import { DAY_MS } from "../../src/billing/clock.ts";
import type { ApprovalId, FeatureId, UserId } from "../../src/billing/id.ts";
import { Refusal, type Reason } from "../../src/billing/refusal.ts";
import { findSources } from "../../src/store/grant-sources.ts";
import { openCatalogue, uniqueName, type Catalogue } from "../support/catalog.ts";
import { flavours } from "../support/servers.ts";

const refused = (reason: Reason) => (error: unknown) => {
  assert.ok(error instanceof Refusal, String(error));
  assert.equal(error.reason, reason);
  return true;
};

const freeVersion = (featureId: FeatureId, version = 1): ApprovalMatter => ({
  kind: "ZERO_COST_FEATURE",
  featureVersion: { featureId, version },
});

for (const flavour of flavours()) {
  describe(`approvals on ${flavour}`, () => {
    let catalogue: Catalogue;
    before(async () => {
      catalogue = await openCatalogue(flavour);
    });
    after(() => catalogue.close());

    const registered = async (): Promise<UserId> => {
      const userId = uniqueName("user");
      await catalogue.sql(
        `insert into users (user_id, state, suspend_reason, on_trial, quota_remaining, quota_held,
          log_sequence, create_time) values ('${userId}', 'ACTIVE', '', 0, 0, 0, 0, now(3))`,
      );
      return userId as UserId;
    };
    const adjustmentFor = (userId: UserId): ApprovalMatter => ({
      kind: "QUOTA_ADJUSTMENT",
      adjustment: { userId, amount: 1_000_000_000n, priority: 7, validDays: 30 },
    });
    const requested = async (matter: ApprovalMatter) =>
      (await catalogue.send(requestApproval, { matter, reason: "sorry" })).answer.approval;
    const publish = (featureId: FeatureId, version = 1) =>
      catalogue.send(publishFeature, { featureId, version });

    it("let a free feature be published once a second person agreed, with a warning", async () => {
      const { featureId } = await catalogue.draft({ quotaCost: 0n });
      await assert.rejects(publish(featureId), refused("APPROVAL_REQUIRED"));
      const { approvalId } = await requested(freeVersion(featureId));
      await assert.rejects(publish(featureId), refused("APPROVAL_REQUIRED"));
      await catalogue.send(approve, { approvalId, note: "for the launch" }, { caller: "bob" });
      const { answer } = await publish(featureId);
      assert.equal(answer.feature.state, "PUBLISHED");
      assert.deepEqual(
        answer.findings.map(({ ruleId, severity }) => [ruleId, severity]),
        [["BG101", "WARN"]],
      );
    });

    it("count for the version they name and no other, and a rejected one for none", async () => {
      const { featureId } = await catalogue.draft({ quotaCost: 0n });
      await catalogue.draft({ featureId, quotaCost: 0n });
      await catalogue.approved(freeVersion(featureId, 2));
      const { approvalId } = await requested(freeVersion(featureId, 1));
      await catalogue.send(reject, { approvalId, note: "no" }, { caller: "bob" });
      await assert.rejects(publish(featureId, 1), refused("APPROVAL_REQUIRED"));
      await publish(featureId, 2);
    });

    it("don't lift what has no end: a free feature without a maximum stays refused", async () => {
      const { featureId } = await catalogue.draft({ quotaCost: 0n, rateLimitPolicy: null });
      await catalogue.approved(freeVersion(featureId));
      await assert.rejects(publish(featureId), refused("REVIEW_FAILED"));
    });

    it("are never decided by who asked, neither way", async () => {
      const { approvalId } = await requested(adjustmentFor(await registered()));
      for (const useCase of [approve, reject]) {
        const own = catalogue.send(useCase, { approvalId, note: "me" }, { caller: "ada" });
        await assert.rejects(own, refused("SELF_APPROVAL_FORBIDDEN"));
      }
      assert.equal((await getApproval(catalogue.reader, approvalId)).state, "PENDING");
    });

    it("are decided once when 8 people say yes and no at the same moment", async () => {
      const { approvalId } = await requested(adjustmentFor(await registered()));
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, (_, at) => {
          const caller = `person-${at}`;
          const useCase = at % 2 === 0 ? approve : reject;
          return catalogue.send(useCase, { approvalId, note: caller }, { caller });
        }),
      );
      const decided = outcomes.filter(({ status }) => status === "fulfilled");
      assert.equal(decided.length, 1);
      for (const one of outcomes) {
        if (one.status === "rejected") refused("APPROVAL_NOT_PENDING")(one.reason);
      }
      const [{ value }] = decided as [PromiseFulfilledResult<Awaited<ReturnType<typeof decide>>>];
      assert.deepEqual(await getApproval(catalogue.reader, approvalId), value.answer.approval);
    });
    const decide = (approvalId: ApprovalId) =>
      catalogue.send(approve, { approvalId, note: "yes" }, { caller: "bob" });

    it("are asked for once with one key sent 20 times at once", async () => {
      const matter = adjustmentFor(await registered());
      const key = uniqueName("key");
      const served = await Promise.all(
        Array.from({ length: 20 }, () =>
          catalogue.send(requestApproval, { matter, reason: "sorry" }, { key }),
        ),
      );
      assert.equal(served.filter(({ replayed }) => !replayed).length, 1);
      const ids = new Set(served.map(({ answer }) => answer.approval.approvalId));
      assert.equal(ids.size, 1);
    });

    it("make an adjustment a lawful source of quota, with its terms, and not before", async () => {
      const userId = await registered();
      const pending = await requested(adjustmentFor(userId));
      const source = { kind: "ADJUSTMENT", id: pending.approvalId } as const;
      const find = async () => [...(await findSources(catalogue.orm.em.fork(), [source])).values()];
      assert.deepEqual(await find(), []);
      await decide(pending.approvalId);
      assert.deepEqual(await find(), [
        {
          ...source,
          userId,
          amount: 1_000_000_000n,
          priority: 7,
          validMs: 30 * DAY_MS,
          usedBy: null,
        },
      ]);
    });

    it("are refused for who isn't registered and for what isn't there", async () => {
      const stranger = adjustmentFor("stranger" as UserId);
      await assert.rejects(requested(stranger), refused("USER_NOT_FOUND"));
      const nothing = freeVersion("nothing" as FeatureId);
      await assert.rejects(requested(nothing), refused("FEATURE_NOT_FOUND"));
      const { featureId } = await catalogue.published();
      const late = requested(freeVersion(featureId));
      await assert.rejects(late, refused("FEATURE_STATE_INVALID"));
      const missing = "apr_missing" as ApprovalId;
      await assert.rejects(decide(missing), refused("APPROVAL_NOT_FOUND"));
      const read = getApproval(catalogue.reader, missing);
      await assert.rejects(read, refused("APPROVAL_NOT_FOUND"));
    });

    it("are listed newest first, each once, page by page and by state and kind", async () => {
      const filter = { state: null, kind: null };
      const all = await catalogue.reader.listApprovals(filter, { after: null, limit: 1_000 });
      const ids = all.map(({ approvalId }) => approvalId);
      assert.ok(ids.length > 5);
      assert.deepEqual(ids, [...ids].sort().reverse());
      const paged: ApprovalId[] = [];
      for (;;) {
        const last = paged.at(-1);
        const after = last === undefined ? null : { approvalId: last };
        const page = await catalogue.reader.listApprovals(filter, { after, limit: 3 });
        paged.push(...page.map(({ approvalId }) => approvalId));
        if (page.length < 3) break;
      }
      assert.deepEqual(paged, ids);
      const some = await catalogue.reader.listApprovals(
        { state: "APPROVED", kind: "ZERO_COST_FEATURE" },
        { after: null, limit: 1_000 },
      );
      const wanted = all.filter(
        ({ state, matter }) => state === "APPROVED" && matter.kind === "ZERO_COST_FEATURE",
      );
      assert.deepEqual(some, wanted);
    });
  });
}
