/** CatalogService: each handler parses, calls one use case, and renders its answer. */
import type { CatalogBooks, CatalogReader } from "../billing/catalog/books.ts";
import { createFeatureVersion } from "../billing/catalog/create-feature-version.ts";
import { approve, reject } from "../billing/catalog/decide-approval.ts";
import { getApproval } from "../billing/catalog/get-approval.ts";
import { getFeature } from "../billing/catalog/get-feature.ts";
import { publishFeature } from "../billing/catalog/publish-feature.ts";
import { requestApproval } from "../billing/catalog/request-approval.ts";
import { retireFeature } from "../billing/catalog/retire-feature.ts";
import { setFeatureAccess } from "../billing/catalog/set-feature-access.ts";
import type { PipelineReviewer } from "../billing/catalog/pipeline.ts";
import type { Caller } from "../billing/id.ts";
import type { Command } from "../billing/quota/desk.ts";
import type * as wire from "../gen/billing/catalog/v1/catalog_service.ts";
import type { Handle } from "./call.ts";
import { FieldCheck } from "./field.ts";
import { offerHandlers } from "./offer-service.ts";
import { pipelineHandlers } from "./pipeline-service.ts";
import * as parse from "./parse-catalog.ts";
import * as render from "./render-catalog.ts";
import type { TextRule } from "./text-rule.ts";

export interface CatalogParts {
  readonly books: CatalogBooks;
  readonly reader: CatalogReader;
  readonly reviewer: PipelineReviewer;
}

export function catalogHandlers(parts: CatalogParts) {
  return {
    ...featureCommands(parts),
    ...approvalCommands(parts),
    ...reads(parts),
    ...lists(parts),
    ...offerHandlers(parts),
    ...pipelineHandlers(parts),
  };
}

/** Why a feature is taken out of force, for the record. */
const RETIRE_REASON: TextRule = { min: 1, max: 255 };

interface MutatingRequest {
  readonly idempotencyKey: string;
  readonly validateOnly: boolean;
}

/**
 * The parts of every command; `read` reads its own fields, and gives nothing where one is missing.
 */
function commandOf<Input>(
  request: MutatingRequest,
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

function featureCommands({ books }: CatalogParts) {
  const create: Handle<
    wire.CreateFeatureVersionRequest,
    wire.CreateFeatureVersionResponse
  > = async (request, { caller, signal }) => {
    const command = commandOf(request, caller, (check) => parse.readTerms(check, request.feature));
    const { answer, replayed } = await books.serve(createFeatureVersion, command, signal);
    const { feature, findings } = answer;
    return { feature: render.feature(feature), findings: findings.map(render.finding), replayed };
  };
  const publish: Handle<wire.PublishFeatureRequest, wire.PublishFeatureResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = commandOf(request, caller, (check) => ({
      featureId: check.featureId("feature_id", request.featureId),
      version: parse.readVersion(check, "version", request.version),
    }));
    const { answer, replayed } = await books.serve(publishFeature, command, signal);
    const { feature, findings, reviewId } = answer;
    return {
      feature: render.feature(feature),
      findings: findings.map(render.finding),
      replayed,
      // A preview keeps nothing.
      reviewId: request.validateOnly ? "" : reviewId,
    };
  };
  const retire: Handle<wire.RetireFeatureRequest, wire.RetireFeatureResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = commandOf(request, caller, (check) => ({
      featureId: check.featureId("feature_id", request.featureId),
      reason: check.text("reason", request.reason, RETIRE_REASON),
    }));
    const { answer, replayed } = await books.serve(retireFeature, command, signal);
    return { feature: render.feature(answer.feature), replayed };
  };
  const setAccess: Handle<wire.SetFeatureAccessRequest, wire.SetFeatureAccessResponse> = async (
    request,
    { caller, signal },
  ) => {
    const command = commandOf(request, caller, (check) => parse.readAccess(check, request));
    const { answer, replayed } = await books.serve(setFeatureAccess, command, signal);
    return { userCount: BigInt(answer.userCount), replayed };
  };
  return {
    createFeatureVersion: create,
    publishFeature: publish,
    retireFeature: retire,
    setFeatureAccess: setAccess,
  };
}

function approvalCommands({ books }: CatalogParts) {
  const request: Handle<wire.RequestApprovalRequest, wire.RequestApprovalResponse> = async (
    asked,
    { caller, signal },
  ) => {
    const command = commandOf(asked, caller, (check) => parse.readApproval(check, asked.approval));
    const { answer, replayed } = await books.serve(requestApproval, command, signal);
    return { approval: render.approval(answer.approval), replayed };
  };
  const decideWith =
    (useCase: typeof approve): Handle<wire.ApproveRequest, wire.ApproveResponse> =>
    async (asked, { caller, signal }) => {
      const command = commandOf(asked, caller, (check) => ({
        approvalId: check.approvalId("approval_id", asked.approvalId),
        note: check.text("note", asked.note, parse.NOTE),
      }));
      const { answer, replayed } = await books.serve(useCase, command, signal);
      return { approval: render.approval(answer.approval), replayed };
    };
  return { requestApproval: request, approve: decideWith(approve), reject: decideWith(reject) };
}

function reads({ reader }: CatalogParts) {
  const feature: Handle<wire.GetFeatureRequest, wire.GetFeatureResponse> = async (request) => {
    const check = new FieldCheck();
    const featureId = check.featureId("feature_id", request.featureId);
    const version = parse.readOptionalVersion(check, "version", request.version);
    check.done();
    return { feature: render.feature(await getFeature(reader, { featureId, version })) };
  };
  const approval: Handle<wire.GetApprovalRequest, wire.GetApprovalResponse> = async (request) => {
    const check = new FieldCheck();
    const approvalId = check.approvalId("approval_id", request.approvalId);
    check.done();
    return { approval: render.approval(await getApproval(reader, approvalId)) };
  };
  return { getFeature: feature, getApproval: approval };
}

function lists({ reader }: CatalogParts) {
  const features: Handle<wire.ListFeaturesRequest, wire.ListFeaturesResponse> = async (request) => {
    const { filter, paging } = parse.parseListFeatures(request);
    const found = await reader.listFeatures(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { features: rows.map(render.feature), nextPageToken };
  };
  const approvals: Handle<wire.ListApprovalsRequest, wire.ListApprovalsResponse> = async (
    request,
  ) => {
    const { filter, paging } = parse.parseListApprovals(request);
    const found = await reader.listApprovals(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { approvals: rows.map(render.approval), nextPageToken };
  };
  return { listFeatures: features, listApprovals: approvals };
}
