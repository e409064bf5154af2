import assert from "node:assert/strict";
import * as fc from "fast-check";
import { BadField } from "../../src/billing/refusal.ts";
import { FieldCheck } from "../../src/wire/field.ts";
import {
  PAGE_SIZE_DEFAULT,
  PAGE_SIZE_MAX,
  readPage,
  type ListKey,
} from "../../src/wire/page-token.ts";

const KEY: ListKey<number> = {
  list: "ListNumbers",
  write: (key) => [String(key)],
  read: ([text]) => (text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined),
};

/** Reads one page of the numbers from 1 to `count`, as a handler and its reader do. */
function readNumbers(
  count: number,
  pageSize: number,
  pageToken: string,
  filter: object = {},
  key = KEY,
) {
  const check = new FieldCheck();
  const { page, split } = readPage(check, { pageSize, pageToken }, key, filter);
  check.done();
  const first = (page.after ?? 0) + 1;
  const length = Math.max(0, Math.min(page.limit, count - first + 1));
  return split(
    Array.from({ length }, (_, at) => first + at),
    (row) => row,
  );
}

const refusesToken = (pageToken: string, filter: object = {}, key = KEY) =>
  assert.throws(
    () => readNumbers(10, 3, pageToken, filter, key),
    (error) => error instanceof BadField && error.violations[0]?.field === "page_token",
  );

describe("pages", () => {
  it("give every row once and in order, whatever the size", () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 1, max: 60 }), (count, pageSize) => {
        const seen: number[] = [];
        let token = "";
        do {
          const { rows, nextPageToken } = readNumbers(count, pageSize, token);
          assert.ok(rows.length <= pageSize);
          seen.push(...rows);
          token = nextPageToken;
        } while (token !== "");
        assert.deepEqual(
          seen,
          Array.from({ length: count }, (_, at) => at + 1),
        );
      }),
    );
  });

  it("have 50 rows by default and 500 at most, and no negative size", () => {
    assert.equal(readNumbers(1_000, 0, "").rows.length, PAGE_SIZE_DEFAULT);
    assert.equal(readNumbers(1_000, 501, "").rows.length, PAGE_SIZE_MAX);
    assert.equal(readNumbers(1_000, 2 ** 31 - 1, "").rows.length, PAGE_SIZE_MAX);
    assert.throws(() => readNumbers(1_000, -1, ""), BadField);
  });

  it("say so on the last page, also when it is full", () => {
    assert.equal(readNumbers(6, 3, "").nextPageToken === "", false);
    assert.equal(readNumbers(3, 3, "").nextPageToken, "");
    assert.equal(readNumbers(0, 3, "").nextPageToken, "");
  });
});

describe("page tokens", () => {
  const filter = { userId: "u1", state: null };
  const token = readNumbers(10, 3, "", filter).nextPageToken;

  it("go on where the page ended, with another size too", () => {
    assert.deepEqual(readNumbers(10, 5, token, filter).rows, [4, 5, 6, 7, 8]);
  });

  it("don't open another list or the same list with another filter", () => {
    refusesToken(token, { ...filter, userId: "u2" });
    refusesToken(token, { ...filter, state: "HELD" });
    refusesToken(token, filter, { ...KEY, list: "ListLetters" });
  });

  it("that were tampered with are refused, never followed", () => {
    const forge = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString("base64url");
    const [hash] = JSON.parse(Buffer.from(token, "base64url").toString()) as string[];
    for (const parts of [
      [hash],
      [hash, "1 or 1=1"],
      [hash, 7],
      {},
      null,
      "x",
      [hash, "-1"],
      [["a"]],
    ]) {
      refusesToken(forge(parts), filter);
    }
    for (const text of ["%", "===", "a".repeat(2_000), "__proto__", token.slice(1), `${token}\n`]) {
      refusesToken(text, filter);
    }
  });

  it("are visible ASCII that needs no escaping anywhere", () => {
    assert.match(token, /^[A-Za-z0-9_-]+$/);
  });
});
