/** A report as one page that needs nothing else: no script, no request, charts within. It prints on A4. */
import {
  valueOf,
  figureOf,
  type Column,
  type Report,
  type ReportTable,
  type Section,
  type TableCell,
} from "../billing/report/document.ts";
import { chartsOf, type Chart } from "./charts.ts";
import { titleOf } from "./csv.ts";
import { momentText, readable, unitOf } from "./format.ts";
import { nameOf, periodName, PHRASES, type Language } from "./words.ts";

/** What is looked at first. */
const CARDS = [
  "revenue.net",
  "revenue.recognised",
  "costs.total",
  "margin.gross",
  "quota.used",
  "members.active",
] as const;

const STYLE = `
:root { color-scheme: light; --ink: #1c2333; --soft: #5b6478; --line: #d9deea; --fill: #f5f7fb; --bad: #b3261e; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "PingFang SC", "Noto Sans CJK SC", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; padding-bottom: .3rem; border-bottom: 2px solid var(--ink); }
.head { color: var(--soft); font-size: .8rem; overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.2rem, 1fr)); gap: .75rem; margin: 1.5rem 0; padding: 0; list-style: none; }
.cards li { background: var(--fill); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem .9rem; }
.cards .name { color: var(--soft); font-size: .8rem; display: block; }
.cards .value { font-size: 1.25rem; font-weight: 650; font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide { overflow-x: auto; margin: 0 0 1.25rem; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 650; padding: .5rem 0 .35rem; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { background: var(--fill); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 400; }
.number { text-align: right; white-space: nowrap; }
.minus { color: var(--bad); }
.unit { color: var(--soft); white-space: nowrap; }
figure { margin: 0 0 1.5rem; break-inside: avoid; }
figcaption { font-weight: 650; padding-bottom: .35rem; }
figure svg { width: 100%; height: auto; border: 1px solid var(--line); border-radius: .5rem; background: #fff; }
@page { size: A4; margin: 14mm; }
@media print { body { padding: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; } tr { break-inside: avoid; }
  thead { display: table-header-group; } .wide { overflow: visible; } .cards { grid-template-columns: repeat(6, 1fr); }
  .cards .value { font-size: 1rem; } .cards li { padding: .4rem .5rem; } }
`;

export async function htmlOf(report: Report, language: Language): Promise<string> {
  const title = `${periodName(report.period, language)} ${report.date}`;
  const charts = await chartsOf(report, language);
  return `<!doctype html>
<html lang="${language === "zh" ? "zh-CN" : "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escape(title)}</h1>
${headOf(report, language)}
</header>
<main>
${cardsOf(report, language)}
${charts.map(chartOf).join("\n")}
${report.document.sections.map((section) => sectionOf(section, language)).join("\n")}
</main>
</body>
</html>
`;
}

function headOf(report: Report, language: Language): string {
  const { reportId, version, supersedes, createTimeMs, contentSha256 } = report;
  const parts = [
    `${PHRASES.report[language]} ${reportId}`,
    `${PHRASES.version[language]} ${version}`,
    ...(supersedes === null ? [] : [`${PHRASES.replaces[language]} ${supersedes}`]),
    `${PHRASES.made[language]} ${momentText(createTimeMs)}`,
    `${PHRASES.content[language]} ${contentSha256}`,
    PHRASES.timeZone[language],
  ];
  return `<p class="head">${parts.map(escape).join(" · ")}</p>`;
}

function cardsOf({ document }: Report, language: Language): string {
  const cards = CARDS.map((id) => {
    const { type } = figureOf(document, id);
    const value = valueOf(document, id);
    const unit = escape(unitOf(type, language));
    return `<li><span class="name">${escape(nameOf(id, language))} (${unit})</span> <span class="value${minus(value)}">${escape(readable(value, type))}</span></li>`;
  });
  return `<ul class="cards">${cards.join("")}</ul>`;
}

function chartOf({ title, svg }: Chart): string {
  const named = svg.replace("<svg ", `<svg role="img" aria-label="${escape(title)}" `);
  return `<figure><figcaption>${escape(title)}</figcaption>${named}</figure>`;
}

function sectionOf({ id, figures, tables }: Section, language: Language): string {
  const name = escape(nameOf(id, language));
  const rows = figures.map(({ id: figureId, type, value }) => {
    const shown = value === null ? PHRASES.unknown[language] : readable(value, type);
    const number = `<td class="number${minus(value)}">${escape(shown)}</td>`;
    const unit = `<td class="unit">${escape(unitOf(type, language))}</td>`;
    return `<tr><th scope="row">${escape(nameOf(figureId, language))}</th>${number}${unit}</tr>`;
  });
  const { item, value, unit } = PHRASES;
  const head = `<thead><tr><th scope="col">${escape(item[language])}</th><th scope="col" class="number">${escape(value[language])}</th><th scope="col">${escape(unit[language])}</th></tr></thead>`;
  const list =
    rows.length === 0
      ? ""
      : `<div class="wide"><table aria-label="${name}">${head}<tbody>${rows.join("")}</tbody></table></div>`;
  const shown = tables.map((table) => tableOf(table, language)).join("\n");
  return `<section><h2>${name}</h2>${list}${shown}</section>`;
}

function tableOf({ id, columns, rows }: ReportTable, language: Language): string {
  const heads = columns.map((column) => {
    const kind = isText(column) ? "" : ' class="number"';
    return `<th scope="col"${kind}>${escape(titleOf(column, language))}</th>`;
  });
  const body = rows.map(
    (row) => `<tr>${row.map((cell, at) => cellOf(cell, columns[at]!, language)).join("")}</tr>`,
  );
  const nothing = `<tr><td colspan="${columns.length}">${escape(PHRASES.nothing[language])}</td></tr>`;
  return `<div class="wide"><table><caption>${escape(nameOf(id, language))}</caption><thead><tr>${heads.join("")}</tr></thead><tbody>${body.join("") || nothing}</tbody></table></div>`;
}

function cellOf(cell: TableCell, { type }: Column, language: Language): string {
  if (cell === null) return `<td class="number">${escape(PHRASES.unknown[language])}</td>`;
  if (typeof cell === "string") {
    return `<td>${escape(cell === "" ? PHRASES.unnamed[language] : cell)}</td>`;
  }
  if (type === "TEXT" || type === "DAY" || type === "MONTH") return `<td>${cell}</td>`;
  return `<td class="number${minus(cell)}">${escape(readable(cell, type))}</td>`;
}

function isText({ type }: Column): boolean {
  return type === "TEXT" || type === "DAY" || type === "MONTH";
}

function minus(value: bigint | null): string {
  return value !== null && value < 0n ? " minus" : "";
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text within elements and attributes. */
function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}
