import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "csv-parse/sync";
import excel from "exceljs";
import * as fc from "fast-check";

import { tableOf, type FigureType, type Report } from "../../src/billing/report/document.ts";
import {
  COHORTS,
  FIGURES,
  HEALTH_FIGURES,
  seriesRule,
  TABLES,
} from "../../src/billing/report/figures.ts";
import { exportReport, type ExportFormat } from "../../src/report/export.ts";
import { plain, readable } from "../../src/report/format.ts";
import { columnName, nameOf, type Language } from "../../src/report/words.ts";
import { HOSTILE, sampleReport } from "./sample.ts";

const LANGUAGES: readonly Language[] = ["en", "zh"];

async function bytesOf(report: Report, format: ExportFormat, language: Language): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of exportReport(report, format, language).chunks) {
    assert.ok(chunk.length > 0 && chunk.length <= 64 * 1024);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A buffer's bytes alone: small buffers share their memory with others. */
function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

describe("the words of reports", () => {
  it("name every section, figure, table and column in English and Chinese", () => {
    const tables = [...TABLES, seriesRule("DAY"), seriesRule("MONTH"), COHORTS];
    const ids = [...FIGURES, ...HEALTH_FIGURES, ...tables].flatMap(({ id }) => [
      id,
      id.split(".")[0]!,
    ]);
    for (const language of LANGUAGES) {
      for (const id of ids) assert.ok(nameOf(id, language).length > 0, id);
      for (const { columns } of tables) {
        const names = columns.map(({ id }) => columnName(id, language));
        assert.equal(new Set(names).size, names.length, "columns of a table can be told apart");
      }
      for (const section of new Set(FIGURES.map(({ id }) => id.split(".")[0]!))) {
        const own = FIGURES.filter(({ id }) => id.startsWith(`${section}.`));
        const names = own.map(({ id }) => nameOf(id, language));
        assert.equal(new Set(names).size, names.length, `${section}'s figures can be told apart`);
      }
    }
  });
});

describe("docs/finance.md", () => {
  it("defines exactly the figures that there are, with their units, and the tables with their columns", () => {
    const page = readFileSync(new URL("../../docs/finance.md", import.meta.url), "utf8");
    const rows = [
      ...page.matchAll(/^\| `([a-z_.]+)` \| (fen|micro-yuan|count|quota|per mille) \|/gm),
    ];
    const units: Readonly<Record<FigureType, string>> = {
      FEN: "fen",
      MICRO_YUAN: "micro-yuan",
      COUNT: "count",
      QUOTA: "quota",
      PER_MILLE: "per mille",
    };
    assert.deepEqual(
      rows.map(([, id, unit]) => [id, unit]),
      [...FIGURES, ...HEALTH_FIGURES].map(({ id, type }) => [id, units[type]]),
    );
    for (const { id, columns } of [...TABLES, seriesRule("DAY"), COHORTS]) {
      const [told] = page.split("\n").filter((line) => line.includes(`able \`${id}\``));
      assert.ok(told, id);
      for (const column of columns)
        assert.ok(
          told.includes(`\`${column.id}\``) || page.includes(`\`${column.id}\``),
          column.id,
        );
    }
  });
});

describe("amounts", () => {
  it("become decimals and back without losing a digit, however large", () => {
    const types = fc.constantFrom<FigureType>("FEN", "MICRO_YUAN", "COUNT", "QUOTA", "PER_MILLE");
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n), types, (value, type) => {
        const shown = plain(value, type);
        assert.match(shown, /^-?\d+(\.\d+)?$/);
        assert.equal(BigInt(shown.replace(".", "")), value);
      }),
    );
  });

  it("are read with marks between thousands", () => {
    assert.equal(readable(-123_456_789n, "FEN"), "−1,234,567.89");
    assert.equal(readable(5n, "FEN"), "0.05");
    assert.equal(readable(1_234_567n, "MICRO_YUAN"), "1.2346");
    assert.equal(readable(-50n, "MICRO_YUAN"), "−0.0001");
    assert.equal(readable(1_000_000n, "COUNT"), "1,000,000");
  });
});

describe("a report as CSV", () => {
  for (const language of LANGUAGES) {
    it(`has every figure and every row, to the last digit (${language})`, async () => {
      const report = sampleReport();
      const bytes = await bytesOf(report, "CSV", language);
      assert.equal(bytes.subarray(0, 3).toString("hex"), "efbbbf");
      const text = bytes.toString("utf8");
      assert.ok(text.endsWith("\r\n") && !/[^\r]\n/.test(text));
      const rows = parse(text, { bom: true, relax_column_count: true });
      for (const { figures, tables } of report.document.sections) {
        for (const { id, type, value } of figures) {
          const shown = value === null ? "" : plain(value, type);
          assert.ok(
            rows.some((row) => row[1] === nameOf(id, language) && row[3] === shown),
            id,
          );
        }
        for (const { rows: cells, columns } of tables) {
          for (const row of cells) {
            const wanted = row.map((cell, at) =>
              typeof cell === "bigint" ? plain(cell, columns[at]!.type as FigureType) : cell,
            );
            assert.ok(rows.some((found) => JSON.stringify(found) === JSON.stringify(wanted)));
          }
        }
      }
    });
  }

  it("lets no spreadsheet take a name for a formula", async () => {
    const text = (await bytesOf(sampleReport(HOSTILE), "CSV", "en")).toString("utf8");
    const rows = parse(text, { bom: true, relax_column_count: true }).flat();
    for (const cell of rows) assert.doesNotMatch(cell, /^[=+@\t]|^-(?![\d.])/);
    assert.ok(rows.includes('\'=HYPERLINK("http://evil.example")'));
    assert.ok(rows.includes('图像,"生成"\nb'));
  });
});

describe("a report as a workbook", () => {
  it("has a sheet a section, numbers as numbers in yuan with their formats", async () => {
    const report = sampleReport();
    for (const language of LANGUAGES) {
      const workbook = new excel.Workbook();
      await workbook.xlsx.load(toArrayBuffer(await bytesOf(report, "XLSX", language)));
      const names = workbook.worksheets.map(({ name }) => name);
      const sections = report.document.sections.map(({ id }) => nameOf(id, language));
      assert.deepEqual(names.slice(1), sections);
      const revenue = workbook.getWorksheet(nameOf("revenue", language))!;
      const sales = report.document.sections[1]!.figures[0]!.value!;
      const row = revenue.getRow(2);
      assert.equal(row.getCell(1).value, nameOf("revenue.sales", language));
      assert.equal(row.getCell(2).value, Number(sales) / 100);
      assert.equal(row.getCell(2).numFmt, "#,##0.00");
      const costs = workbook.getWorksheet(nameOf("costs", language))!;
      const micro = tableOf(report.document, "costs.services")!.rows[0]![3] as bigint;
      const shown = costs.getColumn(4).values.find((value) => typeof value === "number");
      assert.equal(shown, Number(micro) / 1_000_000);
    }
  });

  it("writes what has more digits than a cell keeps as text, with all of them", async () => {
    const report = sampleReport();
    const large = 123_456_789_012_345_678n;
    const [first, ...rest] = report.document.sections;
    const figures = first!.figures.map((figure) => ({ ...figure, value: large }));
    const document = { sections: [{ ...first!, figures }, ...rest] };
    const workbook = new excel.Workbook();
    const bytes = await bytesOf({ ...report, document }, "XLSX", "en");
    await workbook.xlsx.load(toArrayBuffer(bytes));
    assert.equal(workbook.getWorksheet("Orders")!.getRow(2).getCell(2).value, large.toString());
  });

  it("takes no name for a formula", async () => {
    const workbook = new excel.Workbook();
    await workbook.xlsx.load(toArrayBuffer(await bytesOf(sampleReport(HOSTILE), "XLSX", "zh")));
    const types = new Set<number>();
    workbook.eachSheet((sheet) =>
      sheet.eachRow((row) => row.eachCell(({ type }) => types.add(type))),
    );
    assert.ok(!types.has(excel.ValueType.Formula) && !types.has(excel.ValueType.Hyperlink));
  });
});

describe("a report as a page", () => {
  for (const language of LANGUAGES) {
    it(`needs nothing else, runs nothing and is the same each time (${language})`, async () => {
      const report = sampleReport(HOSTILE);
      const page = (await bytesOf(report, "HTML", language)).toString("utf8");
      assert.doesNotMatch(
        page,
        /<script|<link|<iframe|<img|javascript:| on\w+=["']|@import|url\(["']?http/i,
      );
      const addresses = [...page.matchAll(/https?:\/\/[^"'\s<&]+/g)].map(([address]) => address);
      for (const address of addresses) {
        assert.match(address, /^http:\/\/(www\.w3\.org\/|evil\.exam)/);
      }
      assert.ok(page.includes("&lt;img src=x onerror=alert(1)&gt;"));
      assert.equal((await bytesOf(report, "HTML", language)).toString("utf8"), page);
      assert.ok((page.match(/<svg /g) ?? []).length >= 4);
      for (const { id } of FIGURES) assert.ok(page.includes(nameOf(id, language)), id);
    });
  }

  it("shows every figure as people read it, and what isn't known as such", async () => {
    const report = sampleReport();
    const page = (await bytesOf(report, "HTML", "en")).toString("utf8");
    for (const { figures } of report.document.sections) {
      for (const { type, value } of figures) {
        assert.ok(page.includes(value === null ? "not known" : readable(value, type)));
      }
    }
  });
});
