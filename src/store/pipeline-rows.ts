/** Pipelines as their tables hold them: a row for each version, and one for each step of its life. */
import type {
  Pipeline,
  PipelineFilter,
  PipelineFormat,
  PipelineState,
} from "../billing/catalog/pipeline.ts";
import type { FeatureId, PipelineId } from "../billing/id.ts";
import type { Verdict } from "../billing/review/finding.ts";
import { toMs, type Row } from "./cell.ts";
import { literal } from "./sql.ts";

/** The steps of a version's life: it is published once, and ends once. */
export const STEP = { PUBLISHED: 1, SUPERSEDED: 2, RETIRED: 2 } as const;

/** Versions with their states; the text, which is long, is asked for by name. */
export function selectPipelines(more = ""): string {
  return `select v.pipeline_id, v.version, v.path, v.format, v.content_sha256, v.feature_ids,
      v.created_by, v.create_time, coalesce(e.state, p.state, 'DRAFT') as state,
      p.verdict, p.actor as published_by, p.create_time as publish_time, e.create_time as end_time${more}
    from pipeline_versions v
    left join pipeline_steps p
      on p.pipeline_id = v.pipeline_id and p.version = v.version and p.number = ${STEP.PUBLISHED}
    left join pipeline_steps e
      on e.pipeline_id = v.pipeline_id and e.version = v.version and e.number = ${STEP.RETIRED}`;
}

export function conditionsOf({ pipelineId, featureId, state }: PipelineFilter): string[] {
  const conditions = ["true"];
  if (pipelineId !== null) conditions.push(`v.pipeline_id = ${literal(pipelineId)}`);
  // Ids have no comma.
  if (featureId !== null) conditions.push(`find_in_set(${literal(featureId)}, v.feature_ids) > 0`);
  if (state !== null) {
    conditions.push(`coalesce(e.state, p.state, 'DRAFT') = ${literal(state)}`);
  }
  return conditions;
}

export function readPipeline(row: Row): Pipeline {
  const featureIds = row["feature_ids"] as string;
  const time = (name: string) => (row[name] === null ? null : toMs(row[name]));
  return {
    pipelineId: row["pipeline_id"] as PipelineId,
    version: Number(row["version"]),
    state: row["state"] as PipelineState,
    path: row["path"] as string,
    format: row["format"] as PipelineFormat,
    contentSha256: row["content_sha256"] as string,
    featureIds: featureIds === "" ? [] : (featureIds.split(",") as FeatureId[]),
    verdict: row["verdict"] as Verdict | null,
    createTimeMs: toMs(row["create_time"]),
    createdBy: row["created_by"] as string,
    publishTimeMs: time("publish_time"),
    publishedBy: row["published_by"] as string | null,
    endTimeMs: time("end_time"),
  };
}
