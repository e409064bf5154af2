import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { ensureBrowser } from "../../src/local/install.ts";
import { tokenOf } from "../support/service.ts";
import { openDesk, type Desk } from "./desk.ts";

/** It talks to nobody but the console: without these it would ask its maker's servers at every start. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const WIDTHS = [
  { width: 1_440, height: 900 },
  { width: 390, height: 844 },
];

describe("the console in a browser", () => {
  let desk: Desk;
  let directory: string;
  let browser: BrowserContext;
  let page: Page;
  const complaints: string[] = [];
  const hosts = new Set<string>();
  before(async function install() {
    // A browser is downloaded where there is none.
    this.timeout(600_000);
    const executablePath = await ensureBrowser();
    desk = await openDesk();
    directory = await mkdtemp(join(tmpdir(), "billing-guard-browser-"));
    browser = await chromium.launchPersistentContext(directory, {
      executablePath,
      args: QUIET,
      locale: "en-GB",
    });
    page = await browser.newPage();
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("dialog", (dialog) => {
      complaints.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (asked) => hosts.add(new URL(asked.url()).host));
  });
  after(async () => {
    await browser?.close();
    await desk?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  it("asks for a token, refuses a wrong one in words, and lets finance in", async () => {
    await page.goto(desk.console.url);
    await page.fill("#token", "wrong");
    await page.click("#login button");
    await page.waitForSelector("#login-error:not(:empty)");
    assert.match((await page.textContent("#login-error"))!, /isn't known/);
    await page.fill("#token", tokenOf("finance"));
    await page.keyboard.press("Enter");
    await page.waitForSelector('[data-figure="revenue.sales"]');
    // That it was told of the two is how it's meant to be.
    const told = complaints.splice(0);
    assert.ok(
      told.every((text) => text.includes("401")),
      told.join(),
    );
  });

  it("shows today beside yesterday, and names of others as text", async () => {
    const card = await page.textContent('[data-figure="revenue.sales"]');
    assert.match(card!, /Sales \(yuan\).*0\.00.*yesterday: 99\.00/s);
    assert.match((await page.textContent("#services"))!, /<img src=x onerror=alert\(1\)>/);
    assert.equal(await page.locator("#services img").count(), 0);
  });

  it("says what a chart's point is when one points at it", async () => {
    const chart = page.locator("#money");
    await chart.scrollIntoViewIfNeeded();
    const box = (await chart.boundingBox())!;
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.locator("#money", { hasText: "Sales: 99.00 yuan" }).waitFor();
  });

  it("shows a report with its tables and files", async () => {
    await page.click(`[data-report="${desk.reportId}"]`);
    await page.waitForSelector("#report h3");
    const text = (await page.textContent("#report"))!;
    for (const part of ["Recognised revenue", "runninghub", "gpu-second", desk.reportId]) {
      assert.ok(text.includes(part), part);
    }
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.click("#report .files a:nth-child(2)"),
    ]);
    assert.match(download.suggestedFilename(), /^billing-daily-.*\.xlsx$/);
  });

  it("speaks Chinese, and still does after it was loaded anew", async () => {
    await page.click("#language");
    await page.locator('[data-figure="revenue.sales"]', { hasText: "销售额" }).waitFor();
    await page.reload();
    await page.waitForSelector('[data-figure="revenue.sales"]');
    assert.match((await page.textContent("header"))!, /今日.*近期走势.*告警.*对账差异.*报表/s);
    assert.equal(await page.getAttribute("html", "lang"), "zh-CN");
  });

  for (const size of WIDTHS) {
    it(`fits into ${size.width} pixels: nothing is wider than the window`, async () => {
      await page.setViewportSize(size);
      await page.reload();
      await page.waitForSelector('[data-figure="revenue.sales"]');
      const width = await page.evaluate(`document.documentElement.scrollWidth`);
      assert.ok(Number(width) <= size.width, String(width));
    });
  }

  it("logs out, and shows nothing any more", async () => {
    await page.click("#logout");
    await page.waitForSelector("#login:not([hidden])");
    await page.reload();
    await page.waitForSelector("#login:not([hidden])");
    assert.equal(await page.isVisible("#console"), false);
  });

  it("has asked no other host and complained of nothing", () => {
    assert.deepEqual([...hosts], [new URL(desk.console.url).host]);
    assert.deepEqual(
      complaints.filter((text) => !text.includes("401")),
      [],
    );
  });
});
