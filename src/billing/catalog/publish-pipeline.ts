/**
 * CreatePipelineVersion, PublishPipeline and GetPipeline: a text is read by the reviewer before the books are
 * opened, so that nobody waits for a parser under the catalogue's lock.
 */
import type { Command } from "../quota/desk.ts";
import type { Served } from "../quota/teller.ts";
import type { CatalogBooks } from "./books.ts";
import type {
  PipelineReader,
  PipelineRef,
  PipelineReviewer,
  PipelineSource,
  StoredPipeline,
} from "./pipeline.ts";
import {
  publishPipelineVersion,
  writePipelineVersion,
  type PipelineAnswer,
} from "./pipeline-changes.ts";
import { pipelineNotFound, pipelineNotInForce } from "./pipeline-refusals.ts";

export interface PipelineDoors {
  readonly books: CatalogBooks;
  readonly reader: PipelineReader;
  readonly reviewer: PipelineReviewer;
}

/** Writes a new version as a draft, with what the reviewer would say to it. Refused as OVERLOADED. */
export async function createPipelineVersion(
  { books, reviewer }: Omit<PipelineDoors, "reader">,
  command: Command<PipelineSource>,
  signal?: AbortSignal,
): Promise<Served<PipelineAnswer>> {
  const source = command.input;
  const review = await reviewer.review(source, signal);
  return books.serve(writePipelineVersion, { ...command, input: { source, review } }, signal);
}

/** Puts a draft in force that the reviewer lets pass. Refused as publishPipelineVersion, and as OVERLOADED. */
export async function publishPipeline(
  { books, reader, reviewer }: PipelineDoors,
  command: Command<PipelineRef>,
  signal?: AbortSignal,
): Promise<Served<PipelineAnswer>> {
  const { pipelineId, version } = command.input;
  const found = await reader.findPipeline(pipelineId, version);
  if (found === undefined || typeof found === "number") throw pipelineNotFound(pipelineId);
  const { pipeline, content } = found;
  // What isn't a draft any more never is again: its state decides, or the answer that the key has.
  const review =
    pipeline.state === "DRAFT"
      ? await reviewer.review({ ...pipeline, content }, signal)
      : undefined;
  const input = { pipelineId, version, review };
  return books.serve(publishPipelineVersion, { ...command, input }, signal);
}

/** With version 0 the one in force. Refused as PIPELINE_NOT_FOUND, PIPELINE_STATE_INVALID. */
export async function getPipeline(
  reader: Pick<PipelineReader, "findPipeline">,
  { pipelineId, version }: PipelineRef,
): Promise<StoredPipeline> {
  const found = await reader.findPipeline(pipelineId, version);
  if (found === undefined) throw pipelineNotFound(pipelineId);
  if (typeof found === "number") throw pipelineNotInForce(pipelineId, found);
  return found;
}
