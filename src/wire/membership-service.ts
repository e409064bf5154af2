/** MembershipService: each handler parses, calls one use case, and renders its answer. */
import type { CampaignId, Caller, UserId } from "../billing/id.ts";
import type { CatalogReader } from "../billing/catalog/books.ts";
import type { MembershipFilter, MembershipReader } from "../billing/membership/books.ts";
import { checkEntitlement } from "../billing/membership/check-entitlement.ts";
import { showMembership } from "../billing/membership/get-membership.ts";
import { redeemCampaign } from "../billing/membership/redeem-campaign.ts";
import { registerUser } from "../billing/membership/register-user.ts";
import { resumeUser, suspendUser, type SuspendUser } from "../billing/membership/suspend-user.ts";
import type { Command } from "../billing/quota/desk.ts";
import type { QuotaReader } from "../billing/quota/reader.ts";
import type { Teller } from "../billing/quota/teller.ts";
import type * as wire from "../gen/billing/membership/v1/membership_service.ts";
import type { Handle } from "./call.ts";
import { MEMBERSHIP_STATES, USER_STATES } from "./enums.ts";
import { FieldCheck } from "./field.ts";
import type { ListRequest } from "./list-quota.ts";
import { readPage, type ListKey } from "./page-token.ts";
import { parseUserId } from "./parse-quota.ts";
import { membership, nextQuota, plan } from "./render-membership.ts";
import { refusalDetail } from "./render-quota.ts";
import type { TextRule } from "./text-rule.ts";

export interface MembershipParts {
  readonly teller: Teller;
  readonly quotaReader: Pick<QuotaReader, "openDesk">;
  readonly reader: MembershipReader;
  readonly catalogReader: Pick<CatalogReader, "listPlans">;
}

export function membershipHandlers(parts: MembershipParts) {
  return { ...commands(parts), ...reads(parts) };
}

/** Why, for the record. */
const REASON: TextRule = { min: 1, max: 255 };

function commands({ teller }: MembershipParts) {
  const register: Handle<wire.RegisterUserRequest, wire.RegisterUserResponse> = async (
    request,
    { caller, signal },
  ) => {
    const check = new FieldCheck();
    const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
    const userId = check.userId("user_id", request.userId);
    check.done();
    const { validateOnly } = request;
    const command = { input: { userId }, idempotencyKey, caller, validateOnly };
    const { answer, replayed } = await teller.submit(registerUser, command, userId, signal);
    const { grantedAmount } = answer;
    return { membership: membership(answer.membership), grantedAmount, replayed };
  };
  const switchWith =
    (useCase: typeof suspendUser): Handle<wire.SuspendUserRequest, wire.SuspendUserResponse> =>
    async (request, { caller, signal }) => {
      const command = parseSwitch(request, caller);
      const { userId } = command.input;
      const { answer, replayed } = await teller.submit(useCase, command, userId, signal);
      return { membership: membership(answer.membership), replayed };
    };
  const redeem: Handle<wire.RedeemCampaignRequest, wire.RedeemCampaignResponse> = async (
    request,
    { caller, signal },
  ) => {
    const check = new FieldCheck();
    const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
    const userId = check.userId("user_id", request.userId);
    const campaignId = check.sourceId("campaign_id", request.campaignId) as CampaignId;
    check.done();
    const { validateOnly } = request;
    const command = { input: { userId, campaignId }, idempotencyKey, caller, validateOnly };
    const { answer, replayed } = await teller.submit(redeemCampaign, command, userId, signal);
    const { grantId, grantedAmount, expireTimeMs, available } = answer;
    return { grantId, grantedAmount, expireTime: new Date(expireTimeMs), available, replayed };
  };
  return {
    registerUser: register,
    redeemCampaign: redeem,
    suspendUser: switchWith(suspendUser),
    resumeUser: switchWith(resumeUser),
  };
}

/** SuspendUser and ResumeUser ask in the same words. */
function parseSwitch(request: wire.SuspendUserRequest, caller: Caller): Command<SuspendUser> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = {
    userId: check.userId("user_id", request.userId),
    reason: check.text("reason", request.reason, REASON),
  };
  check.done();
  return { input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

function reads({ quotaReader, reader, catalogReader }: MembershipParts) {
  const get: Handle<wire.GetMembershipRequest, wire.GetMembershipResponse> = async (request) => {
    const shown = await showMembership(reader, parseUserId(request));
    return {
      membership: membership(shown.membership),
      nextQuota: shown.nextQuota && nextQuota(shown.nextQuota),
    };
  };
  const entitlement: Handle<wire.CheckEntitlementRequest, wire.CheckEntitlementResponse> = async (
    request,
  ) => {
    const check = new FieldCheck();
    const userId = check.userId("user_id", request.userId);
    const featureId = check.featureId("feature_id", request.featureId);
    check.done();
    const answer = await checkEntitlement(quotaReader, { userId, featureId });
    return {
      entitled: answer.refusals.length === 0,
      refusals: answer.refusals.map(refusalDetail),
      membership: answer.membership === null ? undefined : membership(answer.membership),
    };
  };
  const plans: Handle<wire.ListPlansRequest, wire.ListPlansResponse> = async () => ({
    plans: (await catalogReader.listPlans()).map(plan),
  });
  const memberships: Handle<wire.ListMembershipsRequest, wire.ListMembershipsResponse> = async (
    request,
  ) => {
    const { filter, paging } = parseList(request);
    const found = await reader.listMemberships(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { memberships: rows.map(membership), nextPageToken };
  };
  return {
    getMembership: get,
    checkEntitlement: entitlement,
    listPlans: plans,
    listMemberships: memberships,
  };
}

const MEMBERSHIPS: ListKey<{ readonly userId: UserId }> = {
  list: "ListMemberships",
  write: ({ userId }) => [userId],
  read: ([userId]) => (userId === undefined ? undefined : { userId: userId as UserId }),
};

function parseList(
  request: wire.ListMembershipsRequest,
): ListRequest<MembershipFilter, { readonly userId: UserId }> {
  const check = new FieldCheck();
  const filter = {
    state: check.optionalOneOf("state", MEMBERSHIP_STATES, request.state),
    userState: check.optionalOneOf("user_state", USER_STATES, request.userState),
  };
  const paging = readPage(check, request, MEMBERSHIPS, filter);
  check.done();
  return { filter, paging };
}
