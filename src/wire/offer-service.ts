/** The part of CatalogService that is about plans, packs and campaigns. */
import {
  campaignChanges,
  packChanges,
  planChanges,
  type EndOffer,
} from "../billing/catalog/offer-changes.ts";
import type { CatalogBooks, CatalogReader } from "../billing/catalog/books.ts";
import type { OfferRef } from "../billing/catalog/offer.ts";
import type { CampaignId, Caller } from "../billing/id.ts";
import type { Command } from "../billing/quota/desk.ts";
import type * as wire from "../gen/billing/catalog/v1/catalog_service.ts";
import type { Handle } from "./call.ts";
import { FieldCheck } from "./field.ts";
import * as parse from "./parse-offer.ts";
import * as render from "./render-offer.ts";
import { finding } from "./render-catalog.ts";
import type { TextRule } from "./text-rule.ts";

export interface OfferParts {
  readonly books: CatalogBooks;
  readonly reader: CatalogReader;
}

const REASON: TextRule = { min: 1, max: 255 };

interface Mutation {
  readonly idempotencyKey: string;
  readonly validateOnly: boolean;
}

function commandOf<Input>(
  request: Mutation,
  caller: Caller,
  read: (check: FieldCheck) => Input | undefined,
): Command<Input> {
  const check = new FieldCheck();
  const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
  const input = read(check);
  check.done();
  // What is missing was refused above.
  return { input: input as Input, idempotencyKey, caller, validateOnly: request.validateOnly };
}

function refOf(
  request: Mutation & { readonly version: number },
  caller: Caller,
  field: string,
  id: string,
) {
  return commandOf<OfferRef>(request, caller, (check) => ({
    offerId: check.sourceId(field, id),
    version: parse.readVersion(check, request.version),
  }));
}

function endOf(
  request: Mutation & { readonly reason: string },
  caller: Caller,
  field: string,
  id: string,
) {
  return commandOf<EndOffer>(request, caller, (check) => ({
    offerId: check.sourceId(field, id),
    reason: check.text("reason", request.reason, REASON),
  }));
}

export function offerHandlers(parts: OfferParts) {
  return { ...plans(parts), ...packs(parts), ...campaigns(parts) };
}

function plans({ books }: OfferParts) {
  const create: Handle<wire.CreatePlanVersionRequest, wire.CreatePlanVersionResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = commandOf(request, caller, (check) => parse.readPlan(check, request.plan));
    const { answer, replayed } = await books.serve(planChanges.create, command, signal);
    const { version, findings } = answer;
    return { plan: render.plan(version.terms), findings: findings.map(finding), replayed };
  };
  const publish: Handle<wire.PublishPlanRequest, wire.PublishPlanResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = refOf(request, caller, "plan_id", request.planId);
    const { answer, replayed } = await books.serve(planChanges.publish, command, signal);
    const { version, findings } = answer;
    return { plan: render.plan(version.terms), findings: findings.map(finding), replayed };
  };
  const end: Handle<wire.RetirePlanRequest, wire.RetirePlanResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = endOf(request, caller, "plan_id", request.planId);
    const { answer, replayed } = await books.serve(planChanges.end, command, signal);
    return { plan: render.plan(answer.version.terms), replayed };
  };
  return { createPlanVersion: create, publishPlan: publish, retirePlan: end };
}

function packs({ books, reader }: OfferParts) {
  const create: Handle<wire.CreatePackVersionRequest, wire.CreatePackVersionResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = commandOf(request, caller, (check) => parse.readPack(check, request.pack));
    const { answer, replayed } = await books.serve(packChanges.create, command, signal);
    const { version, findings } = answer;
    return { pack: render.pack(version.terms), findings: findings.map(finding), replayed };
  };
  const publish: Handle<wire.PublishPackRequest, wire.PublishPackResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = refOf(request, caller, "pack_id", request.packId);
    const { answer, replayed } = await books.serve(packChanges.publish, command, signal);
    const { version, findings } = answer;
    return { pack: render.pack(version.terms), findings: findings.map(finding), replayed };
  };
  const end: Handle<wire.RetirePackRequest, wire.RetirePackResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = endOf(request, caller, "pack_id", request.packId);
    const { answer, replayed } = await books.serve(packChanges.end, command, signal);
    return { pack: render.pack(answer.version.terms), replayed };
  };
  const list: Handle<wire.ListPacksRequest, wire.ListPacksResponse> = async () => ({
    packs: (await reader.listPacks()).map(render.pack),
  });
  return { createPackVersion: create, publishPack: publish, retirePack: end, listPacks: list };
}

function campaigns({ books, reader }: OfferParts) {
  const create: Handle<
    wire.CreateCampaignVersionRequest,
    wire.CreateCampaignVersionResponse
  > = async (request, { caller, signal }) => {
    const command = commandOf(request, caller, (check) =>
      parse.readCampaign(check, request.campaign),
    );
    const { answer, replayed } = await books.serve(campaignChanges.create, command, signal);
    const { version, findings } = answer;
    return { campaign: render.campaign(version), findings: findings.map(finding), replayed };
  };
  const publish: Handle<wire.PublishCampaignRequest, wire.PublishCampaignResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = refOf(request, caller, "campaign_id", request.campaignId);
    const { answer, replayed } = await books.serve(campaignChanges.publish, command, signal);
    const { version, findings } = answer;
    return { campaign: render.campaign(version), findings: findings.map(finding), replayed };
  };
  const end: Handle<wire.EndCampaignRequest, wire.EndCampaignResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = endOf(request, caller, "campaign_id", request.campaignId);
    const { answer, replayed } = await books.serve(campaignChanges.end, command, signal);
    return { campaign: render.campaign(answer.version), replayed };
  };
  const list: Handle<wire.ListCampaignsRequest, wire.ListCampaignsResponse> = async (request) => {
    const check = new FieldCheck();
    const isNamed = request.campaignId !== "";
    const named = isNamed ? check.sourceId("campaign_id", request.campaignId) : null;
    check.done();
    const campaignId = named as CampaignId | null;
    const found = await reader.listCampaigns({
      campaignId,
      allVersions: request.includeAllVersions,
    });
    return {
      campaigns: found.map(({ version, spentAmount }) => render.campaign(version, spentAmount)),
    };
  };
  return {
    createCampaignVersion: create,
    publishCampaign: publish,
    endCampaign: end,
    listCampaigns: list,
  };
}
