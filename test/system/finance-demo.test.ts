import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureBrowser } from "../../src/local/install.ts";
import { runFinanceDemo } from "../../src/demo/finance.ts";
import { freshDirectory } from "../support/servers.ts";

describe("the demo of finance", () => {
  it("makes a month's reports, compares bills, raises an alarm, and leaves files and pictures", async function demo() {
    // A browser is downloaded where there is none.
    this.timeout(600_000);
    await ensureBrowser();
    const folder = join(await freshDirectory(), "files");
    const lines: string[] = [];
    await runFinanceDemo({ environment: process.env, folder, say: (line) => lines.push(line) });
    const said = lines.join("\n");
    assert.match(said, /reports +\d\d days and \d{4}-\d\d/);
    assert.match(said, /AMOUNT_DIFFERS/);
    assert.match(said, /storage .* MISSING_HERE/);
    assert.match(said, /WECHAT_TRADE: \d+ lines, 0 differences/);
    assert.match(said, /WECHAT_FUND_FLOW: \d+ lines, 1 difference\n/);
    assert.match(said, /AMOUNT_DIFFERS ord_\S+ here [\d.]+ there [\d.]+, ASSIGNED to lin/);
    assert.match(said, /alarm +AL01 CRITICAL OPEN/);
    const files = await readdir(folder);
    assert.deepEqual(
      files.map((name) => name.replace(/^billing-monthly-\d{4}-\d\d-v1-/, "")).toSorted(),
      ["console-en.png", "console-zh.png", "en.html", "zh.csv", "zh.html", "zh.xlsx"],
    );
    const start = { png: "89504e47", html: "3c21646f", csv: "efbbbf", xlsx: "504b0304" };
    for (const name of files) {
      const bytes = await readFile(join(folder, name));
      const kind = name.split(".").at(-1) as keyof typeof start;
      assert.ok(bytes.toString("hex", 0, 8).startsWith(start[kind]), name);
      assert.ok(bytes.length > 1_000, name);
    }
  });
});
