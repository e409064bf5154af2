/** Reports as files: which format, under which name, in pieces that fit into messages. */
import type { Report } from "../billing/report/document.ts";
import { csvLines } from "./csv.ts";
import { htmlOf } from "./html.ts";
import type { Language } from "./words.ts";
import { xlsxOf } from "./xlsx.ts";

export type ExportFormat = "CSV" | "XLSX" | "HTML";

export interface ExportedFile {
  /** Such as `billing-daily-2026-11-22-v1.csv`. */
  readonly fileName: string;
  readonly contentType: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Far below the 4 MiB that clients take. */
const CHUNK_BYTES = 64 * 1024;

const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  CSV: "text/csv; charset=utf-8; header=present",
  XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  HTML: "text/html; charset=utf-8",
};

export function exportReport(
  report: Report,
  format: ExportFormat,
  language: Language,
): ExportedFile {
  const { period, date, version } = report;
  return {
    fileName: `billing-${period.toLowerCase()}-${date}-v${version}.${format.toLowerCase()}`,
    contentType: CONTENT_TYPES[format],
    chunks: chunked(piecesOf(report, format, language)),
  };
}

async function* piecesOf(
  report: Report,
  format: ExportFormat,
  language: Language,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  if (format === "HTML") yield encoder.encode(await htmlOf(report, language));
  else if (format === "XLSX") yield await xlsxOf(report, language);
  else for (const line of csvLines(report, language)) yield encoder.encode(line);
}

/** Pieces of any size as chunks of one size, the last one shorter. */
async function* chunked(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunk = new Uint8Array(CHUNK_BYTES);
  let length = 0;
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length;) {
      const part = piece.subarray(from, from + CHUNK_BYTES - length);
      chunk.set(part, length);
      length += part.length;
      from += part.length;
      if (length < CHUNK_BYTES) continue;
      yield chunk;
      chunk = new Uint8Array(CHUNK_BYTES);
      length = 0;
    }
  }
  if (length > 0) yield chunk.subarray(0, length);
}
