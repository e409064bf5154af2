/** What is to happen, in the order of time; of the same moment, in the order in which it was planned. */

interface Item {
  readonly atMs: number;
  readonly number: number;
  readonly happen: () => void;
}

export interface Agenda {
  plan(atMs: number, happen: () => void): void;
  /** Lets happen what comes before the moment, and what that plans before it. */
  runUntil(endMs: number): void;
}

export function createAgenda(enter: (nowMs: number) => void): Agenda {
  /** A binary heap: the parent of each item is before it. */
  const heap: Item[] = [];
  let planned = 0;
  const swap = (left: number, right: number) => {
    [heap[left], heap[right]] = [heap[right]!, heap[left]!];
  };
  const take = (): Item => {
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      sink();
    }
    return first;
  };
  const sink = () => {
    for (let at = 0; ;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  return {
    plan(atMs, happen) {
      heap.push({ atMs, number: (planned += 1), happen });
      for (let at = heap.length - 1; at > 0;) {
        const parent = (at - 1) >> 1;
        if (!isBefore(heap[at]!, heap[parent]!)) break;
        swap(at, parent);
        at = parent;
      }
    },
    runUntil(endMs) {
      while (heap.length > 0 && heap[0]!.atMs < endMs) {
        const { atMs, happen } = take();
        enter(atMs);
        happen();
      }
    },
  };
}

function isBefore(left: Item, right: Item): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.number < right.number);
}
