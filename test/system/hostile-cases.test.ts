import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const CASES = 80;
const ROOT = join(import.meta.dirname, "..");
/** Where titles begin with the numbers of the cases that they are about: "53, 54: …". */
const FILES = /^(hostile-payments|wechat-|bill).*\.test\.ts$/;
const TITLE = /(?:it\(\s*|\[\s*)"(\d{1,2}(?:, \d{1,2})*): /g;

describe("the hostile cases of payments", () => {
  it("have a test each", () => {
    const found = new Set<number>();
    for (const folder of ["system", "wire", "billing", "store"]) {
      for (const name of readdirSync(join(ROOT, folder)).filter((file) => FILES.test(file))) {
        const text = readFileSync(join(ROOT, folder, name), "utf8");
        for (const [, numbers] of text.matchAll(TITLE)) {
          for (const number of numbers!.split(", ")) found.add(Number(number));
        }
      }
    }
    const all = Array.from({ length: CASES }, (_, at) => at + 1);
    assert.deepEqual(
      all.filter((number) => !found.has(number)),
      [],
    );
  });
});
