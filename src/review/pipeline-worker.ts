/** The child process that reads one pipeline of the catalogue. It may die of what it reads. */
import type { PipelineSource } from "../billing/catalog/pipeline.ts";
import { readPipeline } from "./documents/catalogue-pipeline.ts";

process.once("message", (source: PipelineSource) => {
  process.send?.(readPipeline(source), () => process.disconnect());
});
