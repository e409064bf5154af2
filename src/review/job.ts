/** What the two processes say to each other. */
import type { ReviewOptions, SourceFile } from "./contract.ts";
import type { Inspection } from "./inspect.ts";

export interface Job {
  readonly files: readonly SourceFile[];
  readonly strict: boolean;
  readonly vocabulary: ReviewOptions["vocabulary"];
  readonly cacheDirectory: string | undefined;
  readonly nestingDepth: number;
}

export type Answer = Inspection;
