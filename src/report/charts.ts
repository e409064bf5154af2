/** Charts of a report as SVG, drawn by ECharts on the server: no script reaches the reader. */
import { tableOf, type Report, type ReportTable } from "../billing/report/document.ts";
import { plain } from "./format.ts";
import { columnName, nameOf, PHRASES, type Language } from "./words.ts";

export interface Chart {
  readonly title: string;
  readonly svg: string;
}

const WIDTH = 760;
const HEIGHT = 280;
/** Of a chart of bars: what is around them, and each. */
const BARS_HEIGHT = 70;
const BAR_HEIGHT = 34;
/** More bars than this can't be read. */
const BARS_MAX = 12;
const COLOURS = ["#2f6fde", "#e07b39", "#3a9a6b", "#a05cc0", "#c9485b"];
const FONT = "system-ui, -apple-system, 'PingFang SC', 'Noto Sans CJK SC', sans-serif";

interface Line {
  readonly column: string;
  readonly style: "line" | "bar";
}

/** Money of a course, and what was used. */
const MONEY: readonly Line[] = [
  { column: "sales_fen", style: "bar" },
  { column: "recognised_fen", style: "line" },
  { column: "cost_fen", style: "line" },
  { column: "gross_fen", style: "line" },
];
const USE: readonly Line[] = [{ column: "used", style: "bar" }];

export async function chartsOf({ document }: Report, language: Language): Promise<Chart[]> {
  const drawn: Drawing[] = [];
  const course = tableOf(document, "series.days") ?? tableOf(document, "series.months");
  if (course !== undefined && course.rows.length > 1) {
    drawn.push(courseOf(course, MONEY, PHRASES.yuan[language], language));
    drawn.push(courseOf(course, USE, PHRASES.quota[language], language));
  }
  const services = tableOf(document, "costs.services");
  if (services !== undefined && services.rows.length > 0) {
    drawn.push(barsOf(services, [0, 1], "cost_micro_yuan", language));
  }
  const features = tableOf(document, "margin.features");
  if (features !== undefined && features.rows.length > 0) {
    drawn.push(barsOf(features, [0], "used", language));
    drawn.push(barsOf(features, [0], "cost_micro_yuan", language));
  }
  return Promise.all(
    drawn.map(async (drawing, at) => ({ title: drawing.title, svg: await draw(drawing, at) })),
  );
}

interface Drawing {
  readonly title: string;
  readonly height: number;
  readonly option: Record<string, unknown>;
}

function courseOf(
  table: ReportTable,
  lines: readonly Line[],
  unit: string,
  language: Language,
): Drawing {
  const names = lines.map(({ column }) => columnName(column, language));
  const title = `${nameOf(table.id, language)}: ${names.join(", ")}`;
  const option = {
    ...FRAME,
    legend: { top: 0, textStyle: { fontFamily: FONT }, data: names },
    xAxis: { type: "category", data: table.rows.map(([day]) => day as string) },
    yAxis: { type: "value", name: unit },
    series: lines.map(({ column, style }, at) => ({
      name: names[at],
      type: style,
      symbol: "none",
      barMaxWidth: 40,
      data: valuesOf(table, column),
    })),
  };
  return { title, option, height: HEIGHT };
}

/** The largest rows, named by their first columns. */
function barsOf(
  table: ReportTable,
  names: readonly number[],
  column: string,
  language: Language,
): Drawing {
  const values = valuesOf(table, column);
  const rows = table.rows
    .map((row, at) => ({
      name: names
        .map((index) => row[index] as string)
        .filter((part) => part !== "")
        .join(" / "),
      value: values[at]!,
    }))
    .filter(({ value }) => value !== 0)
    .toSorted((one, other) => other.value - one.value)
    .slice(0, BARS_MAX)
    .toReversed();
  const { type } = table.columns.find(({ id }) => id === column)!;
  const unit = type === "QUOTA" ? PHRASES.quota[language] : PHRASES.yuan[language];
  const title = `${nameOf(table.id, language)}: ${columnName(column, language)}`;
  const option = {
    ...FRAME,
    xAxis: { type: "value", name: unit },
    yAxis: {
      type: "category",
      data: rows.map(({ name }) => (name === "" ? PHRASES.unnamed[language] : name)),
      axisLabel: { width: 180, overflow: "truncate" },
    },
    series: [{ type: "bar", barMaxWidth: 26, data: rows.map(({ value }) => value) }],
  };
  return { title, option, height: BARS_HEIGHT + BAR_HEIGHT * rows.length };
}

/** Only how long a bar is: what is printed beside it stands in the table. */
function valuesOf({ columns, rows }: ReportTable, column: string): number[] {
  const at = columns.findIndex(({ id }) => id === column);
  const { type } = columns[at]!;
  return rows.map((row) => {
    const value = row[at];
    if (typeof value !== "bigint" || type === "TEXT" || type === "DAY" || type === "MONTH")
      return 0;
    return Number(plain(value, type));
  });
}

const FRAME = {
  animation: false,
  color: COLOURS,
  textStyle: { fontFamily: FONT },
  grid: { left: 16, right: 56, top: 40, bottom: 12, containLabel: true },
};

async function draw({ option, height }: Drawing, at: number): Promise<string> {
  const echarts = await import("echarts");
  const chart = echarts.init(null, null, {
    renderer: "svg",
    ssr: true,
    width: WIDTH,
    height,
  });
  try {
    chart.setOption(option);
    return renamed(chart.renderToSVGString({ useViewBox: true }), at);
  } finally {
    chart.dispose();
  }
}

/** Ids and classes count all that this process has ever drawn; the same report is to give the same bytes. */
function renamed(svg: string, at: number): string {
  const names = new Map<string, string>();
  return svg.replaceAll(/\bzr\d+-[a-z]+-?\d+/g, (name) => {
    const known = names.get(name) ?? `chart${at}-${names.size}`;
    names.set(name, known);
    return known;
  });
}
