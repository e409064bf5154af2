/** The files of the page, read once: small ones of our own, and ECharts as it is published. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

export interface PageFile {
  readonly contentType: string;
  readonly bytes: Buffer;
  /** For `If-None-Match`. */
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** By the path that they are served under. */
export function loadPage(): ReadonlyMap<string, PageFile> {
  const own = (name: string) => new URL(`page/${name}`, import.meta.url);
  const files: readonly (readonly [string, URL])[] = [
    ["/", own("index.html")],
    ["/console.css", own("console.css")],
    ["/console.js", own("console.js")],
    ["/echarts.js", new URL(import.meta.resolve("echarts/dist/echarts.min.js"))],
  ];
  return new Map(
    files.map(([path, url]) => {
      const bytes = readFileSync(url);
      const extension = url.pathname.slice(url.pathname.lastIndexOf(".") + 1);
      const etag = `"${createHash("sha256").update(bytes).digest("base64url")}"`;
      return [path, { contentType: TYPES[extension]!, bytes, etag }];
    }),
  );
}
