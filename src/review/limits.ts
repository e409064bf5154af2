import type { Limits } from "./contract.ts";

/** What a repository of honest size stays well below, and what keeps a hostile one from hurting the machine. */
export const DEFAULT_LIMITS: Limits = {
  // Hand-written files are a tenth of this; what is larger is generated.
  fileLength: 1_500_000,
  totalLength: 100_000_000,
  fileCount: 50_000,
  // The parser's native stack ends at some six thousand; people stop at thirty.
  nestingDepth: 1_000,
  stallMs: 30_000,
  totalMs: 600_000,
  memoryMib: 2_048,
};

/** How deep brackets nest at most, whatever they are: strings that hold brackets count too, as far as they are unbalanced. */
export function nestingOf(content: string, enough: number): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < content.length && deepest <= enough; at += 1) {
    const code = content.charCodeAt(at);
    // ( [ {
    if (code === 40 || code === 91 || code === 123) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if ((code === 41 || code === 93 || code === 125) && depth > 0) depth -= 1;
  }
  return deepest;
}
