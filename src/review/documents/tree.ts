/** A YAML or JSON document as plain data that still knows where everything stands. */
import { snake, type Plain } from "../../billing/review/pipeline-steps.ts";
import type { Position, Range } from "../contract.ts";

export type Tree = MapTree | ListTree | ScalarTree;

export interface Span {
  /** Offsets in UTF-16 code units, the second one exclusive. */
  readonly from: number;
  readonly to: number;
}

export interface Entry {
  /** As it is spelled. */
  readonly key: string;
  readonly keySpan: Span;
  readonly value: Tree;
}

export interface MapTree extends Span {
  readonly kind: "map";
  /** In the order of the file; a key that stands there twice is there twice. */
  readonly entries: readonly Entry[];
}

export interface ListTree extends Span {
  readonly kind: "list";
  readonly items: readonly Tree[];
}

export interface ScalarTree extends Span {
  readonly kind: "scalar";
  readonly value: string | number | bigint | boolean | null;
}

/** The entry of a field in any spelling: `quotaCost` is `quota_cost`. The last one wins, as for loaders. */
export function entryOf(map: MapTree, field: string): Entry | undefined {
  return map.entries.findLast(({ key }) => snake(key) === field);
}

export function valueOf(map: MapTree, field: string): Tree | undefined {
  return entryOf(map, field)?.value;
}

export function isNull(tree: Tree): boolean {
  return tree.kind === "scalar" && tree.value === null;
}

/**
 * The same without places, with keys in snake_case. What an anchor names is one object however often it is
 * used.
 */
export function toPlain(tree: Tree, done = new Map<Tree, Plain>()): Plain {
  const known = done.get(tree);
  if (known !== undefined) return known;
  const plain = plainOf(tree, done);
  done.set(tree, plain);
  return plain;
}

function plainOf(tree: Tree, done: Map<Tree, Plain>): Plain {
  if (tree.kind === "scalar") return tree.value;
  if (tree.kind === "list") return tree.items.map((item) => toPlain(item, done));
  // Without a prototype `__proto__` is a key as any other.
  const map = Object.create(null) as Record<string, Plain>;
  for (const { key, value } of tree.entries) map[snake(key)] = toPlain(value, done);
  return map;
}

/**
 * The place of `steps[2].retry.max`: the key where the last part is a key, else the value. What can't be
 * found stands at the nearest thing around it.
 */
export function placeOf(root: Tree, field: string): Span {
  let tree = root;
  let span: Span = headOf(root);
  for (const [, key, index] of field.matchAll(/([^.[\]]+)|\[(\d+)\]/g)) {
    if (key !== undefined && tree.kind === "map") {
      const entry = entryOf(tree, key);
      if (entry === undefined) return span;
      span = { from: entry.keySpan.from, to: endOfLine(entry) };
      tree = entry.value;
    } else if (index !== undefined && tree.kind === "list") {
      const item = tree.items[Number(index)];
      if (item === undefined) return span;
      span = headOf(item);
      tree = item;
    } else return span;
  }
  return span;
}

/** A pair with a plain value as a whole; of a larger one only the key. */
function endOfLine({ keySpan, value }: Entry): number {
  return value.kind === "scalar" && value.from >= keySpan.to ? value.to : keySpan.to;
}

/** A map is named by its first pair, so that a code frame shows one line and not all of it. */
export function headOf(tree: Tree): Span {
  if (tree.kind === "list") {
    const first = tree.items[0];
    return first === undefined ? tree : headOf(first);
  }
  if (tree.kind === "scalar") return tree;
  const first = tree.entries[0];
  return first === undefined ? tree : { from: first.keySpan.from, to: endOfLine(first) };
}

/** The starts of a text's lines, to turn offsets into lines and columns. */
export class Lines {
  readonly #starts: number[] = [0];
  readonly #length: number;

  constructor(text: string) {
    this.#length = text.length;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  /** Parsers point behind the end of a text that stops too early; that is its end. */
  rangeOf({ from, to }: Span): Range {
    const start = Math.min(Math.max(from, 0), this.#length);
    const end = Math.min(Math.max(to, start), this.#length);
    return { start: this.positionOf(start), end: this.positionOf(end) };
  }

  positionOf(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1, offset };
  }
}
