/** Pipelines as the contract shows them. */
import type { Pipeline, PlacedFinding } from "../billing/catalog/pipeline.ts";
import type { Verdict } from "../billing/review/finding.ts";
import * as wire from "../gen/billing/catalog/v1/catalog.ts";
import { time } from "./render-quota.ts";

/** @param content left out where it was not asked for */
export function pipeline(shown: Pipeline, content = ""): wire.Pipeline {
  return {
    pipelineId: shown.pipelineId,
    version: shown.version,
    state: wire.Pipeline_State[shown.state],
    path: shown.path,
    format: wire.Pipeline_Format[shown.format],
    content,
    contentSha256: shown.contentSha256,
    featureIds: [...shown.featureIds],
    verdict: verdict(shown.verdict),
    createTime: new Date(shown.createTimeMs),
    publishTime: time(shown.publishTimeMs),
    endTime: time(shown.endTimeMs),
    createdBy: shown.createdBy,
    publishedBy: shown.publishedBy ?? "",
  };
}

export function verdict(shown: Verdict | null): wire.Pipeline_Verdict {
  return shown === null ? wire.Pipeline_Verdict.UNSPECIFIED : wire.Pipeline_Verdict[shown];
}

/** Field by field: what else is stored with a finding stays there. */
export function finding(shown: PlacedFinding): wire.PipelineFinding {
  return {
    ruleId: shown.ruleId,
    severity: shown.severity,
    message: shown.message,
    remediation: shown.remediation,
    line: shown.line,
    column: shown.column,
    endLine: shown.endLine,
    endColumn: shown.endColumn,
  };
}
