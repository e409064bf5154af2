/** The roundings of docs/finance.md, in whole numbers. */
import type { Rates } from "./recomputed.ts";

/** Rounded towards −∞. */
export function floorDivide(part: bigint, all: bigint): bigint {
  const cut = part / all;
  return part % all !== 0n && part < 0n !== all < 0n ? cut - 1n : cut;
}

/** What VAT `net` contains, rounded half away from zero. */
export function roundedVat(net: bigint, { vatBasisPoints }: Rates): bigint {
  const whole = 10_000n + vatBasisPoints;
  const size = net < 0n ? -net : net;
  const twice = 2n * size * vatBasisPoints;
  const rounded = (twice + whole) / (2n * whole);
  return net < 0n ? -rounded : rounded;
}

/** Fen of micro-yuan, rounded half up. */
export function toFen(microYuan: bigint): bigint {
  return floorDivide(microYuan + 5_000n, 10_000n);
}

/** Parts of an amount by weights; what is left over goes one by one to the largest remainders, the smaller name first. */
export function dividedByLargestRemainders(
  amount: bigint,
  weights: ReadonlyMap<string, bigint>,
): Map<string, bigint> {
  const all = [...weights.values()].reduce((total, weight) => total + weight, 0n);
  if (all === 0n) return new Map();
  const sign = amount < 0n ? -1n : 1n;
  const size = amount * sign;
  const parts = [...weights].map(([name, weight]) => ({
    name,
    part: (size * weight) / all,
    rest: (size * weight) % all,
  }));
  let left = size - parts.reduce((total, { part }) => total + part, 0n);
  parts.sort((one, other) => {
    if (one.rest !== other.rest) return one.rest > other.rest ? -1 : 1;
    return one.name < other.name ? -1 : 1;
  });
  return new Map(
    parts.map(({ name, part }) => {
      const more = left > 0n ? 1n : 0n;
      left -= more;
      return [name, (part + more) * sign];
    }),
  );
}
