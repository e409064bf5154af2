import assert from "node:assert/strict";
import * as fc from "fast-check";
import { AMOUNT_MAX } from "../../src/billing/money.ts";
import { BadField } from "../../src/billing/refusal.ts";
import { RESERVATION_STATES } from "../../src/wire/enums.ts";
import { FieldCheck, ifGiven, LABELS_MAX, VIOLATIONS_MAX } from "../../src/wire/field.ts";
import { textFault } from "../../src/wire/text-rule.ts";

/** The fields that a request's parser refuses. */
function faultsOf(read: (check: FieldCheck) => void, prefix?: string): string[] {
  const check = new FieldCheck(prefix);
  read(check);
  try {
    check.done();
    return [];
  } catch (error) {
    assert.ok(error instanceof BadField);
    return error.violations.map(({ field }) => field);
  }
}

const passes = (read: (check: FieldCheck) => void) => assert.deepEqual(faultsOf(read), []);
const fails = (read: (check: FieldCheck) => void, field = "f") =>
  assert.deepEqual(faultsOf(read), [field]);

describe("ids", () => {
  it("are 1 to 63 of the allowed characters, the first a letter or a digit", () => {
    for (const id of ["a", "7", "User-1.x_y:z", "a".repeat(63)])
      passes((check) => check.userId("f", id));
    const bad = [
      "",
      "a".repeat(64),
      "-a",
      ".a",
      "_a",
      "a b",
      "a/b",
      "用户",
      "a\n",
      "a\u0000",
      "ａ",
      "a'b",
    ];
    for (const id of [...bad, "__proto__"]) fails((check) => check.userId("f", id));
  });

  it("may be left out only where the request says so", () => {
    passes((check) =>
      assert.equal(
        ifGiven("", (id) => check.userId("f", id)),
        null,
      ),
    );
    fails((check) => ifGiven(" ", (id) => check.userId("f", id)));
  });
});

describe("keys", () => {
  it("are 1 to 128 visible ASCII characters without spaces", () => {
    for (const key of ["k", "~!@#$%^&*()", "x".repeat(128)]) passes((check) => check.key("f", key));
    for (const key of ["", "a b", "x".repeat(129), "ключ", "k\t", "\u007f"]) {
      fails((check) => check.key("f", key));
    }
  });
});

describe("numbers", () => {
  it("stay within their range, both ends inside, and NaN-like ones never pass", () => {
    const range = { min: 1, max: 1000 };
    for (const value of [1, 1000]) passes((check) => check.int("f", value, range, 1));
    for (const value of [0, -1, 1001, Number.NaN, Infinity, -Infinity, 2 ** 31 - 1]) {
      fails((check) => check.int("f", value, range, 1));
    }
    passes((check) => assert.equal(check.int("f", undefined, range, 7), 7));
  });

  it("of quota and money never pass what the service counts", () => {
    passes((check) => check.amount("f", AMOUNT_MAX, 0n));
    for (const value of [-1n, AMOUNT_MAX + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      fails((check) => check.amount("f", value, 0n));
    }
  });
});

describe("durations", () => {
  const range = { min: 1_000, max: 86_400_000 };
  const read = (seconds: bigint, nanos: number) => (check: FieldCheck) =>
    check.durationMs("f", { seconds, nanos }, range, 5);

  it("are taken to the millisecond, rounded down, within their range", () => {
    const check = new FieldCheck();
    assert.equal(check.durationMs("f", { seconds: 1n, nanos: 999_999_999 }, range, 5), 1_999);
    assert.equal(check.durationMs("f", undefined, range, 5), 5);
    check.done();
    passes(read(86_400n, 0));
    for (const bad of [read(86_400n, 1), read(0n, 999_999_999), read(-5n, 0), read(2n ** 62n, 0)])
      fails(bad);
  });

  it("with nanos beyond a second or of another sign are refused", () => {
    for (const bad of [read(5n, 1_000_000_000), read(5n, -1), read(-5n, 1), read(5n, -(2 ** 31))])
      fails(bad);
  });
});

describe("times", () => {
  it("lie between 1970 and 9999", () => {
    passes((check) => assert.equal(check.timeMs("f", new Date(5)), 5));
    passes((check) => assert.equal(check.timeMs("f", undefined), null));
    const bad = [new Date(Number.NaN), new Date(-1), new Date("+010000-01-01T00:00:00Z")];
    for (const value of bad) fails((check) => check.timeMs("f", value));
  });
});

describe("text", () => {
  it("is counted in characters, not in units of strings", () => {
    assert.equal(textFault("😀".repeat(10), { min: 1, max: 10 }), undefined);
    assert.ok(textFault("😀".repeat(11), { min: 1, max: 10 }));
    assert.ok(textFault("x".repeat(1_000_000), { min: 1, max: 10 }));
  });

  it("has no control, direction or replacement characters and no unpaired surrogates", () => {
    const bad = [
      "\u0000",
      "\u001b[2J",
      "\u007f",
      "\u0085",
      "\u2028",
      "\u202e",
      "\u2066",
      "\ufffd",
      "\ud800",
      "\udc00x",
    ];
    for (const text of bad) {
      assert.ok(textFault(text, { min: 0, max: 10 }), JSON.stringify(text));
      assert.ok(textFault(text, { min: 0, max: 10, lines: true }), JSON.stringify(text));
    }
    for (const text of ["第一行", "naïve 😀", "مرحبا"])
      assert.equal(textFault(text, { min: 0, max: 99 }), undefined);
  });

  it("has several lines only where that is said", () => {
    assert.ok(textFault("a\nb", { min: 0, max: 9 }));
    assert.equal(textFault("a\r\n\tb", { min: 0, max: 9, lines: true }), undefined);
  });

  it("that is required isn't all blanks", () => {
    for (const text of ["", " ", "\u3000"]) assert.ok(textFault(text, { min: 1, max: 9 }));
  });

  it("passes or fails and never throws, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.boolean(), (text, lines) => {
        const fault = textFault(text, { min: 0, max: 50, lines });
        if (fault === undefined) assert.ok(text.isWellFormed());
      }),
    );
  });
});

describe("labels", () => {
  const labels = (...pairs: [string, string][]) => new Map(pairs);

  it("keep every allowed key, also those that objects have by nature", () => {
    const check = new FieldCheck();
    const given = labels(["constructor", "a"], ["toString", "b"], ["k.1_x-Y", ""]);
    const read = check.labels("f", given);
    check.done();
    assert.deepEqual(Object.entries(read), [...given]);
  });

  it("refuse `__proto__` by name and never set it", () => {
    const polluted = labels(["__proto__", "polluted"]);
    fails((check) =>
      assert.equal(Object.getPrototypeOf(check.labels("f", polluted)), Object.prototype),
    );
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });

  it("are at most 16, with keys and values within their rules", () => {
    const many = Array.from({ length: LABELS_MAX + 1 }, (_, at): [string, string] => [
      `k${at}`,
      "",
    ]);
    passes((check) => check.labels("f", labels(...many.slice(1))));
    fails((check) => check.labels("f", labels(...many)));
    for (const key of ["", "-a", "k".repeat(64), "a b", "键"]) {
      fails((check) => check.labels("f", labels([key, "v"])));
    }
    fails((check) => check.labels("f", labels(["k", "v".repeat(256)])), "f.k");
    fails((check) => check.labels("f", labels(["k", "\u0000"])), "f.k");
  });
});

describe("enums", () => {
  it("are looked up: unknown numbers, and UNSPECIFIED where it is required, are refused", () => {
    passes((check) => assert.equal(check.oneOf("f", RESERVATION_STATES, 1), "HELD"));
    for (const number of [0, 99, -1, 2 ** 31 - 1]) {
      fails((check) => check.oneOf("f", RESERVATION_STATES, number));
    }
    passes((check) => assert.equal(check.optionalOneOf("f", RESERVATION_STATES, 0), null));
    for (const number of [99, -1])
      fails((check) => check.optionalOneOf("f", RESERVATION_STATES, number));
  });
});

describe("a request's faults", () => {
  it("are reported all together, each under its path", () => {
    const read = (check: FieldCheck) => {
      check.key("idempotency_key", "");
      check.userId("user_id", "");
      check.int("quantity", 0, { min: 1, max: 2 }, 1);
    };
    assert.deepEqual(faultsOf(read), ["idempotency_key", "user_id", "quantity"]);
    assert.deepEqual(faultsOf(read, "reserve."), [
      "reserve.idempotency_key",
      "reserve.user_id",
      "reserve.quantity",
    ]);
  });

  it("fit into a trailer, however many there are", () => {
    const faults = faultsOf((check) => {
      for (let at = 0; at < 1_000; at++) check.userId(`users[${at}]`, "");
    });
    assert.equal(faults.length, VIOLATIONS_MAX);
  });
});
