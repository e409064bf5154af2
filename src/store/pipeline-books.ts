/** Pipelines as the catalogue's books keep them: rows are added, and never changed. */
import type { EntityManager } from "@mikro-orm/mysql";
import type { PipelineFile, PipelineWrite } from "../billing/catalog/pipeline.ts";
import type { FeatureId, PipelineId } from "../billing/id.ts";
import type { Row } from "./cell.ts";
import { readPipeline, selectPipelines, STEP } from "./pipeline-rows.ts";
import { listSql, literal } from "./sql.ts";
import { PipelineStepTable, PipelineVersionTable } from "./tables.ts";

/** The versions of a pipeline. The catalogue's lock is held: nobody adds to them, or to features, meanwhile. */
export async function openPipeline(
  em: EntityManager,
  { pipelineId, version = 0 }: { readonly pipelineId: PipelineId; readonly version?: number },
): Promise<PipelineFile | undefined> {
  const sql = `${selectPipelines()} where v.pipeline_id = ${literal(pipelineId)} order by v.version`;
  const versions = (await em.execute<Row[]>(sql)).map(readPipeline);
  const newest = versions.at(-1);
  if (newest === undefined) return undefined;
  const named = versions.find((one) => one.version === version);
  return {
    lastVersion: newest.version,
    inForce: versions.find(({ state }) => state === "PUBLISHED"),
    named,
    unpublishedFeatureIds: await unpublished(em, named?.featureIds ?? []),
  };
}

async function unpublished(
  em: EntityManager,
  featureIds: readonly FeatureId[],
): Promise<FeatureId[]> {
  if (featureIds.length === 0) return [];
  const rows = await em.execute<Row[]>(
    `select feature_id from features where state = 'PUBLISHED' and feature_id in (${listSql(featureIds)})`,
  );
  const inForce = new Set(rows.map((row) => row["feature_id"]));
  return featureIds.filter((featureId) => !inForce.has(featureId));
}

export async function writePipeline(
  em: EntityManager,
  write: PipelineWrite,
  actor: string,
  createTime: Date,
): Promise<void> {
  if (write.kind === "VERSION") {
    const { pipelineId, version, path, format, contentSha256, featureIds } = write.pipeline;
    await em.insert(PipelineVersionTable, {
      pipelineId,
      version,
      path,
      format,
      content: write.content,
      contentSha256,
      featureIds: featureIds.join(","),
      createdBy: actor,
      createTime,
    });
    return;
  }
  const { kind, ref } = write;
  await em.insert(PipelineStepTable, {
    pipelineId: ref.pipelineId,
    version: ref.version,
    number: STEP[kind],
    state: kind,
    verdict: kind === "PUBLISHED" ? write.verdict : null,
    findings: kind === "PUBLISHED" ? JSON.stringify(write.findings) : null,
    actor,
    createTime,
  });
}
