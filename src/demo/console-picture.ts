/** The console as a picture, taken by a real browser. It's looked for when a picture is wanted, and nowhere else. */
import { join } from "node:path";
import { ensureBrowser } from "../local/install.ts";

const WIDE = { width: 1_440, height: 900 };
/** It asks nobody but the console. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * One picture a language.
 * @returns where they are
 * @throws Error that says what to install
 */
export async function picturesOf(url: string, token: string, folder: string): Promise<string[]> {
  const { chromium } = await import("playwright-core").catch(() => {
    throw new Error("pictures need playwright-core: npm install with its development packages");
  });
  const browser = await chromium.launch({ executablePath: await ensureBrowser(), args: QUIET });
  const paths: string[] = [];
  try {
    for (const locale of ["zh-CN", "en-GB"]) {
      const context = await browser.newContext({ viewport: WIDE, locale });
      const page = await context.newPage();
      await page.goto(url);
      await page.fill("#token", token);
      await page.keyboard.press("Enter");
      await page.waitForSelector("#report-rows table");
      const path = join(folder, `console-${locale.slice(0, 2)}.png`);
      await page.screenshot({ path, fullPage: true });
      paths.push(path);
      await context.close();
    }
  } finally {
    await browser.close();
  }
  return paths;
}
