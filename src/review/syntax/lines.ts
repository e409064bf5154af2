/** Offsets to lines and columns. */
import type { Position, Range } from "../contract.ts";

export interface Lines {
  positionAt(offset: number): Position;
  rangeOf(start: number, end: number): Range;
}

export function linesOf(content: string): Lines {
  const starts = [0];
  for (let at = content.indexOf("\n"); at >= 0; at = content.indexOf("\n", at + 1)) starts.push(at + 1);
  const positionAt = (wanted: number): Position => {
    const offset = Math.max(0, Math.min(wanted, content.length));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1, offset };
  };
  return { positionAt, rangeOf: (start, end) => ({ start: positionAt(start), end: positionAt(end) }) };
}
