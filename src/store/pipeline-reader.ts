/** Reads of pipelines: as committed, nothing locked. */
import type { PipelineReader, PlacedFinding } from "../billing/catalog/pipeline.ts";
import type { Row } from "./cell.ts";
import { conditionsOf, readPipeline, selectPipelines } from "./pipeline-rows.ts";
import { literal } from "./sql.ts";

export function pipelineReads(rows: (sql: string) => Promise<Row[]>): PipelineReader {
  return {
    async findPipeline(pipelineId, version) {
      const chosen =
        version === 0
          ? "p.state is not null and e.state is null"
          : `v.version = ${literal(version)}`;
      const named = `where v.pipeline_id = ${literal(pipelineId)}`;
      const [row] = await rows(
        `${selectPipelines(", v.content, p.findings")} ${named} and ${chosen}`,
      );
      if (row !== undefined) {
        const findings = JSON.parse((row["findings"] as string | null) ?? "[]") as PlacedFinding[];
        return { pipeline: readPipeline(row), content: row["content"] as string, findings };
      }
      if (version !== 0) return undefined;
      const [newest] = await rows(
        `select max(v.version) as last from pipeline_versions v ${named}`,
      );
      const last = Number(newest?.["last"] ?? 0);
      return last === 0 ? undefined : last;
    },
    async listPipelines(filter, { after, limit }) {
      const conditions = conditionsOf(filter);
      if (after !== null) {
        const id = literal(after.pipelineId);
        conditions.push(`v.pipeline_id >= ${id}`);
        conditions.push(`(v.pipeline_id > ${id} or v.version > ${literal(after.version)})`);
      }
      const found = await rows(
        `${selectPipelines()} where ${conditions.join(" and ")}
          order by v.pipeline_id, v.version limit ${limit}`,
      );
      return found.map(readPipeline);
    },
  };
}
