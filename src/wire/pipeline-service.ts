/** The part of CatalogService that is about pipelines. */
import type { CatalogBooks, CatalogReader } from "../billing/catalog/books.ts";
import { retirePipeline } from "../billing/catalog/pipeline-changes.ts";
import type { PipelineReviewer } from "../billing/catalog/pipeline.ts";
import {
  createPipelineVersion,
  getPipeline,
  publishPipeline,
} from "../billing/catalog/publish-pipeline.ts";
import type * as wire from "../gen/billing/catalog/v1/catalog_service.ts";
import type { Handle } from "./call.ts";
import { FieldCheck } from "./field.ts";
import { readOptionalVersion, readVersion } from "./parse-catalog.ts";
import { parseListPipelines, readSource } from "./parse-pipeline.ts";
import * as render from "./render-pipeline.ts";
import type { TextRule } from "./text-rule.ts";

export interface PipelineParts {
  readonly books: CatalogBooks;
  readonly reader: CatalogReader;
  readonly reviewer: PipelineReviewer;
}

const REASON: TextRule = { min: 1, max: 255 };

export function pipelineHandlers(parts: PipelineParts) {
  return { ...changes(parts), ...reads(parts) };
}

function changes(parts: PipelineParts) {
  const create: Handle<
    wire.CreatePipelineVersionRequest,
    wire.CreatePipelineVersionResponse
  > = async (request, { caller, signal }) => {
    const check = new FieldCheck();
    const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
    const input = readSource(check, request);
    check.done();
    const command = { input, idempotencyKey, caller, validateOnly: request.validateOnly };
    const { answer, replayed } = await createPipelineVersion(parts, command, signal);
    return {
      pipeline: render.pipeline(answer.pipeline),
      findings: answer.findings.map(render.finding),
      verdict: render.verdict(answer.verdict),
      replayed,
    };
  };
  const publish: Handle<wire.PublishPipelineRequest, wire.PublishPipelineResponse> = async (
    request,
    { caller, signal },
  ) => {
    const check = new FieldCheck();
    const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
    const pipelineId = check.pipelineId("pipeline_id", request.pipelineId);
    const version = readVersion(check, "version", request.version);
    check.done();
    const input = { pipelineId, version };
    const command = { input, idempotencyKey, caller, validateOnly: request.validateOnly };
    const { answer, replayed } = await publishPipeline(parts, command, signal);
    const findings = answer.findings.map(render.finding);
    // A preview keeps nothing.
    const reviewId = request.validateOnly ? "" : (answer.reviewId ?? "");
    return { pipeline: render.pipeline(answer.pipeline), findings, replayed, reviewId };
  };
  const retire: Handle<wire.RetirePipelineRequest, wire.RetirePipelineResponse> = async (
    request,
    { caller, signal },
  ) => {
    const check = new FieldCheck();
    const idempotencyKey = check.key("idempotency_key", request.idempotencyKey);
    const pipelineId = check.pipelineId("pipeline_id", request.pipelineId);
    const reason = check.text("reason", request.reason, REASON);
    check.done();
    const input = { pipelineId, reason };
    const command = { input, idempotencyKey, caller, validateOnly: request.validateOnly };
    const { answer, replayed } = await parts.books.serve(retirePipeline, command, signal);
    return { pipeline: render.pipeline(answer.pipeline), replayed };
  };
  return { createPipelineVersion: create, publishPipeline: publish, retirePipeline: retire };
}

function reads({ reader }: PipelineParts) {
  const get: Handle<wire.GetPipelineRequest, wire.GetPipelineResponse> = async (request) => {
    const check = new FieldCheck();
    const pipelineId = check.pipelineId("pipeline_id", request.pipelineId);
    const version = readOptionalVersion(check, "version", request.version);
    check.done();
    const { pipeline, content, findings } = await getPipeline(reader, { pipelineId, version });
    return {
      pipeline: render.pipeline(pipeline, content),
      findings: findings.map(render.finding),
    };
  };
  const list: Handle<wire.ListPipelinesRequest, wire.ListPipelinesResponse> = async (request) => {
    const { filter, paging } = parseListPipelines(request);
    const found = await reader.listPipelines(filter, paging.page);
    const { rows, nextPageToken } = paging.split(found, (row) => row);
    return { pipelines: rows.map((row) => render.pipeline(row)), nextPageToken };
  };
  return { getPipeline: get, listPipelines: list };
}
