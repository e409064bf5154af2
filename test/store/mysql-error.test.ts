import assert from "node:assert/strict";
import { DriverException, UniqueConstraintViolationException } from "@mikro-orm/core";
import { classify, type FaultKind } from "../../src/store/mysql-error.ts";

const withNumber = (errno: number) => Object.assign(new Error("x"), { errno, sqlState: "HY000" });
const withCode = (code: string) => Object.assign(new Error("x"), { code });

const EXAMPLES: Record<FaultKind, unknown[]> = {
  deadlock: [withNumber(1213), withNumber(1020), withNumber(3101)],
  "lock-wait": [withNumber(1205), withNumber(3572)],
  "connection-lost": [
    ...[1053, 1290, 1927, 2006, 2013, 3169, 4031].map(withNumber),
    ...["PROTOCOL_CONNECTION_LOST", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EPIPE"].map(
      withCode,
    ),
    new Error("Connection lost: The server closed the connection."),
    new Error("Can't add new command when connection is in closed state"),
    new Error("Pool is closed."),
    // What node throws when "localhost" is neither reached by IPv6 nor by IPv4.
    new AggregateError([withCode("ECONNREFUSED"), withCode("ECONNREFUSED")]),
  ],
  "duplicate-key": [withNumber(1062), new UniqueConstraintViolationException(withNumber(1062))],
  "queue-full": [new Error("Queue limit reached.")],
  check: [withNumber(3819), withNumber(4025)],
  other: [withNumber(1064), withNumber(1644), new Error("x"), "text", null, undefined, 7],
};

describe("faults of the database", () => {
  for (const [kind, faults] of Object.entries(EXAMPLES)) {
    it(`know ${kind}, also in wrappers and as a cause`, () => {
      for (const fault of faults) {
        assert.equal(classify(fault), kind);
        assert.equal(classify(new Error("outer", { cause: fault })), kind);
        const deep = new Error("outer", { cause: new Error("middle", { cause: fault }) });
        assert.equal(classify(deep), kind);
        if (fault instanceof Error) assert.equal(classify(new DriverException(fault)), kind);
      }
    });
  }

  it("are not guessed at from what a statement's text happens to say", () => {
    const named = Object.assign(new Error("Duplicate column 'queue limit reached'"), {
      errno: 1060,
      sqlState: "42S21",
    });
    assert.equal(classify(named), "other");
  });

  it("end with a chain of causes that is a ring", () => {
    const ring: { cause?: unknown } = new Error("ring");
    ring.cause = new Error("other half", { cause: ring });
    assert.equal(classify(ring), "other");
  });
});
