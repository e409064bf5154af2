import assert from "node:assert/strict";
import {
  Approval,
  Approval_Kind,
  Approval_State,
  Feature,
  Feature_AccessScope,
} from "../../src/gen/billing/catalog/v1/catalog.ts";
import {
  CatalogServiceService as Catalog,
  GetApprovalRequest,
  ListApprovalsRequest,
} from "../../src/gen/billing/catalog/v1/catalog_service.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

type PartialFeature = Parameters<typeof Feature.fromPartial>[0];
type PartialApproval = Parameters<typeof Approval.fromPartial>[0];

for (const flavour of flavours()) {
  describe(`approvals over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    /** What every command has: a key of its own, and no preview. */
    const command = () => ({ idempotencyKey: unique("key"), validateOnly: false });
    const termsOf = (change: PartialFeature = {}): Feature =>
      Feature.fromPartial({
        featureId: unique("feature"),
        displayName: "图片调色",
        quotaCost: 1n,
        category: "image",
        accessScope: Feature_AccessScope.MEMBER,
        rateLimitPolicy: { maxPerHour: 600, maxPerDay: 5_000 },
        ...change,
      });
    const create = (change: PartialFeature = {}, more: { readonly idempotencyKey?: string } = {}) =>
      service.call(
        Catalog.createFeatureVersion,
        { ...command(), feature: termsOf(change), ...more },
        { as: "operator" },
      );
    const ask = (approval: PartialApproval, as = "operator") =>
      service.call(
        Catalog.requestApproval,
        { ...command(), approval: Approval.fromPartial({ reason: "needed", ...approval }) },
        { as },
      );
    const decide = (way: "approve" | "reject", approvalId: string, as = "operator-two") =>
      service.call(Catalog[way], { ...command(), approvalId, note: "seen" }, { as });
    const forFree = (featureId: string, version = 1) => ({
      kind: Approval_Kind.ZERO_COST_FEATURE,
      featureVersion: { featureId, version },
    });

    describe("approvals", () => {
      it("are pending until a second person decides, and then stay", async () => {
        const userId = await service.bank.member(1);
        const kind = Approval_Kind.QUOTA_ADJUSTMENT;
        const { approval } = await ask({ kind, adjustment: { userId, amount: 5n } });
        assert.deepEqual(
          [approval?.state, approval?.requestedBy, approval?.adjustment?.priority],
          [Approval_State.PENDING, "operator", 50],
        );
        const { approvalId } = approval!;
        const decided = await decide("reject", approvalId);
        assert.deepEqual(
          [decided.approval?.state, decided.approval?.decidedBy, decided.approval?.decisionNote],
          [Approval_State.REJECTED, "operator-two", "seen"],
        );
        const facts = { approvalId, state: "REJECTED" };
        await assertRefused(decide("approve", approvalId), "APPROVAL_NOT_PENDING", facts);
        const get = GetApprovalRequest.create({ approvalId });
        const read = await service.call(Catalog.getApproval, get, { as: "auditor" });
        assert.deepEqual(read.approval, decided.approval);
      });

      it("of one's own are refused as SELF_APPROVAL_FORBIDDEN, for admins too", async () => {
        const { feature } = await create({ quotaCost: 0n });
        const { approval } = await ask(forFree(feature!.featureId), "admin");
        const { approvalId } = approval!;
        await assertRefused(decide("approve", approvalId, "admin"), "SELF_APPROVAL_FORBIDDEN", {
          approvalId,
        });
        await assertRefused(decide("reject", approvalId, "admin"), "SELF_APPROVAL_FORBIDDEN", {
          approvalId,
        });
      });

      it("that are unknown are refused as APPROVAL_NOT_FOUND", async () => {
        const approvalId = "apr_none";
        await assertRefused(decide("approve", approvalId), "APPROVAL_NOT_FOUND", { approvalId });
        const get = GetApprovalRequest.create({ approvalId });
        await assertRefused(service.call(Catalog.getApproval, get), "APPROVAL_NOT_FOUND", {
          approvalId,
        });
      });

      it("of an adjustment for an unknown user are refused as USER_NOT_FOUND", async () => {
        const kind = Approval_Kind.QUOTA_ADJUSTMENT;
        const asked = ask({ kind, adjustment: { userId: "nobody", amount: 5n } });
        await assertRefused(asked, "USER_NOT_FOUND", { userId: "nobody" });
      });

      it("must say exactly what their kind is about, in every field right", async () => {
        const adjustment = { userId: "!", amount: 0n, priority: 101, validDays: 3_651 };
        const kind = Approval_Kind.QUOTA_ADJUSTMENT;
        const at = "approval.adjustment";
        const fields = [`${at}.user_id`, `${at}.amount`, `${at}.priority`, `${at}.valid_days`];
        await assertBadFields(ask({ kind, adjustment, reason: " " }), ...fields, "approval.reason");
        await assertBadFields(ask({ kind }), at);
        const both = { ...forFree("f"), adjustment: { userId: "u", amount: 1n } };
        await assertBadFields(ask(both), at);
        await assertBadFields(ask(forFree("f", 0)), "approval.feature_version.version");
        await assertBadFields(ask({ kind: 5 as Approval_Kind }), "approval.kind");
      });

      it("are listed newest first, by state and kind", async () => {
        const { feature } = await create({ quotaCost: 0n });
        const { approval } = await ask(forFree(feature!.featureId));
        const asked = {
          state: Approval_State.PENDING,
          kind: Approval_Kind.ZERO_COST_FEATURE,
          pageSize: 1,
        };
        const first = await service.call(
          Catalog.listApprovals,
          ListApprovalsRequest.fromPartial(asked),
        );
        assert.deepEqual(
          first.approvals.map(({ approvalId }) => approvalId),
          [approval!.approvalId],
        );
        const other = {
          kind: Approval_Kind.QUOTA_ADJUSTMENT,
          pageToken: first.nextPageToken || "x",
        };
        const wrong = service.call(Catalog.listApprovals, ListApprovalsRequest.fromPartial(other));
        await assertBadFields(wrong, "page_token");
      });
    });
  });
}
