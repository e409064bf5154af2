/** Requests about pipelines as commands and queries of the domain. */
import type {
  PipelineFilter,
  PipelineFormat,
  PipelineRef,
  PipelineSource,
} from "../billing/catalog/pipeline.ts";
import type { PipelineId } from "../billing/id.ts";
import type * as wire from "../gen/billing/catalog/v1/catalog_service.ts";
import { PIPELINE_STATES } from "./enums.ts";
import { FieldCheck, ifGiven } from "./field.ts";
import type { ListRequest } from "./list-quota.ts";
import { readPage, type ListKey } from "./page-token.ts";
import type { TextRule } from "./text-rule.ts";

/** As catalog_service.proto states them. */
const CONTENT_BYTES_MAX = 262_144;
const CONTENT: TextRule = { min: 1, max: CONTENT_BYTES_MAX, lines: true };
const PATH_LENGTH_MAX = 255;
const PATH = /^[A-Za-z0-9._/-]+\.(?:ya?ml|jsonc?|json5)$/;
const PATH_RULE =
  "must be at most 255 of the characters A-Z a-z 0-9 . _ / - and end in .yaml .yml .json .jsonc or .json5";

export function readSource(
  check: FieldCheck,
  request: wire.CreatePipelineVersionRequest,
): PipelineSource {
  const pipelineId = check.pipelineId("pipeline_id", request.pipelineId);
  const content = check.text("content", request.content, CONTENT);
  if (Buffer.byteLength(content) > CONTENT_BYTES_MAX) {
    check.refuse("content", `must have at most ${CONTENT_BYTES_MAX} bytes`);
  }
  if (request.path !== "" && (request.path.length > PATH_LENGTH_MAX || !PATH.test(request.path))) {
    check.refuse("path", PATH_RULE);
  }
  const format = formatOf(request.path, content);
  const path =
    request.path === "" ? `pipelines/${pipelineId}.${format.toLowerCase()}` : request.path;
  return { pipelineId, path, format, content };
}

function formatOf(path: string, content: string): PipelineFormat {
  if (path !== "") return /\.ya?ml$/.test(path) ? "YAML" : "JSON";
  return /^\s*\{/.test(content) ? "JSON" : "YAML";
}

const PIPELINES: ListKey<PipelineRef> = {
  list: "ListPipelines",
  write: ({ pipelineId, version }) => [pipelineId, String(version)],
  read: ([pipelineId, version]) =>
    pipelineId === undefined || !/^\d{1,10}$/.test(version ?? "")
      ? undefined
      : { pipelineId: pipelineId as PipelineId, version: Number(version) },
};

export function parseListPipelines(
  request: wire.ListPipelinesRequest,
): ListRequest<PipelineFilter, PipelineRef> {
  const check = new FieldCheck();
  const state = check.optionalOneOf("state", PIPELINE_STATES, request.state);
  if (request.includeAllStates && state !== null) {
    check.refuse("state", "must be left out together with include_all_states");
  }
  const filter = {
    pipelineId: ifGiven(request.pipelineId, (id) => check.pipelineId("pipeline_id", id)),
    featureId: ifGiven(request.featureId, (id) => check.featureId("feature_id", id)),
    state: request.includeAllStates ? null : (state ?? ("PUBLISHED" as const)),
  };
  const paging = readPage(check, request, PIPELINES, filter);
  check.done();
  return { filter, paging };
}
