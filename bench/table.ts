/** The tables, in Markdown, so that they can stand in a document as they were printed. */
import { CONTENDERS, LOADS, type Comparison, type Contender, type LoadName } from "./comparison.ts";
import type { Run } from "./runs.ts";
import { median } from "./statistics.ts";

export type Cells = readonly string[];

export function markdownTable(head: Cells, rows: readonly Cells[]): string[] {
  const widths = head.map((cell, at) =>
    Math.max(cell.length, ...rows.map((row) => row[at]!.length)),
  );
  const padded = (cells: Cells) => cells.map((cell, at) => cell.padEnd(widths[at]!));
  const line = (cells: Cells) => `| ${padded(cells).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)];
}

const HEAD = [
  "database",
  "load",
  "server",
  "per second",
  "p50 ms",
  "p99 ms",
  "server µs/op",
  "server CPU",
  "database µs/op",
  "Redis µs/op",
  "client µs/op",
  "peak MiB",
  "others' CPU",
];

/** The median of the rounds in every cell. */
export function comparisonTable(comparisons: ReadonlyMap<string, Comparison>): string[] {
  const rows = [...comparisons].flatMap(([database, { rounds }]) =>
    LOADS.flatMap((load) =>
      CONTENDERS.map((contender) => [
        database,
        load,
        contender,
        ...figures(rounds.map((round) => round[load][contender])),
      ]),
    ),
  );
  return markdownTable(HEAD, rows);
}

function figures(runs: readonly Run[]): string[] {
  const of = (value: (run: Run) => number | undefined, digits: number) => {
    const found = runs.map(value).filter((each) => each !== undefined);
    return found.length === 0 ? "-" : median(found).toFixed(digits);
  };
  return [
    of(({ perSecond }) => perSecond, 0),
    of(({ p50Ms }) => p50Ms, 1),
    of(({ p99Ms }) => p99Ms, 1),
    of(({ serverUs }) => serverUs, 0),
    `${of(({ serverShare }) => serverShare * 100, 0)} %`,
    of(({ databaseUs }) => databaseUs, 0),
    of(({ redisUs }) => redisUs, 0),
    of(({ clientUs }) => clientUs, 0),
    // A peak never goes down: the last one counts.
    runs.at(-1)!.peakMib.toFixed(0),
    `${of(({ othersShare }) => othersShare * 100, 0)} %`,
  ];
}

interface Goal {
  readonly what: string;
  readonly of: { readonly load: LoadName; readonly contender: Contender };
  /** Undefined: the figure itself is the goal. */
  readonly by?: { readonly load: LoadName; readonly contender: Contender };
  readonly least: number;
}

const SPREAD = { load: "unary, spread", contender: "service" } as const;
const HOT = { load: "unary, one hot user", contender: "service" } as const;

const GOALS: readonly Goal[] = [
  {
    what: "unary, spread: service by no-op",
    of: SPREAD,
    by: { load: "unary, spread", contender: "no-op" },
    least: 0.6,
  },
  {
    what: "unary, spread: service by unit of work",
    of: SPREAD,
    by: { load: "unary, spread", contender: "unit of work" },
    least: 8,
  },
  { what: "unary, service: hot by spread", of: HOT, by: SPREAD, least: 0.5 },
  {
    what: "unary, one hot user: service by unit of work",
    of: HOT,
    by: { load: "unary, one hot user", contender: "unit of work" },
    least: 15,
  },
  {
    what: "stream, spread: service, per second",
    of: { load: "stream, spread", contender: "service" },
    least: 20_000,
  },
];

/** What was asked for: the median over the rounds of each round's own ratio, and its range. */
export function goalTable(comparisons: ReadonlyMap<string, Comparison>): string[] {
  const rows = [...comparisons].flatMap(([database, { rounds }]) =>
    GOALS.map(({ what, of, by, least }) => {
      const values = rounds.map((round) => {
        const figure = round[of.load][of.contender].perSecond;
        return by === undefined ? figure : figure / round[by.load][by.contender].perSecond;
      });
      const digits = least > 100 ? 0 : 2;
      const middle = median(values);
      const ends = [Math.min(...values), Math.max(...values)];
      const range = ends.map((value) => value.toFixed(digits));
      const verdict = middle >= least ? "reached" : "missed";
      return [database, what, `≥ ${least}`, middle.toFixed(digits), range.join(" to "), verdict];
    }),
  );
  return markdownTable(["database", "what", "goal", "median", "range", "verdict"], rows);
}
