import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { status } from "@grpc/grpc-js";
import { BadField, Refusal } from "../../src/billing/refusal.ts";
import { loadContract } from "../../src/wire/contract.ts";
import { VIOLATIONS_MAX } from "../../src/wire/field.ts";
import { REASONS, type ReasonRule, type WireReason } from "../../src/wire/reasons.ts";
import {
  failureOf,
  statusMessage,
  statusObject,
  WireRefusal,
  type Occasion,
} from "../../src/wire/status.ts";
import { assertTold, readStatus } from "../support/calls.ts";
import { keepingLog } from "../support/service.ts";

const RULES = Object.entries(REASONS) as [WireReason, ReasonRule][];

/** Reasons whose refusals bring a time of their own, where there is one. */
const TIMED = ["RATE_LIMITED", "COOLDOWN_ACTIVE"];

function occasion() {
  const { log, lines } = keepingLog();
  const at: Occasion = { path: "/x/Y", caller: "somebody", requestId: () => "req-1", log };
  return { at, lines };
}

const tell = (error: unknown) => readStatus(statusMessage(failureOf(error, occasion().at)));

describe("the table of reasons", () => {
  it("is the proto's enum: the same reasons, codes and metadata keys", () => {
    const { registry } = loadContract();
    const reasons = registry.getEnum("billing.error.v1.ErrorReason");
    assert.ok(reasons);
    const comments = commentsOfValues("billing/error/v1/error_reason.proto");
    const stated = reasons.values
      .filter(({ number }) => number !== 0)
      .map(({ name }, at) => {
        const [, code, keys] = /^ ?([A-Z_]+) \[(.*?)\]\. /.exec(comments[at + 1]!) ?? [];
        return [name.replace("ERROR_REASON_", ""), code, keys];
      });
    const told = RULES.map(([reason, { code, metadata }]) => [
      reason,
      status[code],
      metadata.join(", "),
    ]);
    assert.deepEqual(told.toSorted(byReason), stated.toSorted(byReason));
  });

  it("is docs/errors.md: the same rows in the same order", () => {
    const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
    const rows = page
      .split("\n")
      .filter((line) => line.startsWith("| `"))
      .map((line) =>
        line
          .split("|")
          .map((cell) => cell.trim())
          .slice(1, -1),
      );
    for (const row of rows) assert.ok(row[4]!.length > 10, `${row[0]} says what to do`);
    const told = RULES.map(([reason, rule]) => [
      `\`${reason}\``,
      status[rule.code],
      rule.metadata
        .map((key) =>
          key
            .split(" | ")
            .map((one) => `\`${one}\``)
            .join(" or "),
        )
        .join(", "),
      detailsOf(reason, rule).join(", "),
    ]);
    assert.deepEqual(
      rows.map((row) => row.slice(0, 4)),
      told,
    );
  });

  it("has a sentence for end users at every reason", () => {
    for (const [reason, { zh }] of RULES)
      assert.match(zh, /^[\p{Script=Han}\d%，、 T]+。$/u, reason);
  });
});

describe("a refusal", () => {
  it("of any reason bears what the table says, and nothing twice", () => {
    for (const [reason, rule] of RULES) {
      if (reason === "INVALID_FIELD" || reason === "INTERNAL") continue;
      const facts = Object.fromEntries(
        rule.metadata.map((key) => [
          key.split(" | ")[0]!,
          /available|max|used|Fen|budget|spent/.test(key) ? "7" : "some-id",
        ]),
      );
      const told = tell(new WireRefusal(reason, "no", facts));
      assertTold(told, reason, facts);
      assert.equal(told.message, "no");
    }
  });

  it("that time mends says when, to the millisecond", () => {
    const refusal = new Refusal("RATE_LIMITED", "no", {}, { retryAfterMs: 61_001.5 });
    assert.equal(tell(refusal).retryAfterMs, 61_002);
    assert.equal(tell(new Refusal("RATE_LIMITED", "no", {})).retryAfterMs, undefined);
    assert.equal(tell(new Refusal("QUOTA_INSUFFICIENT", "no", {})).retryAfterMs, undefined);
  });

  it("names what it is about", () => {
    const short = tell(
      new Refusal("QUOTA_INSUFFICIENT", "no", { userId: "u1", available: "3", required: "5" }),
    );
    assert.deepEqual(
      short.quota.map(({ subject, quotaValue }) => [subject, quotaValue]),
      [["users/u1", 3n]],
    );
    const lost = tell(new Refusal("RESERVATION_NOT_FOUND", "no", { taskId: "t1" }));
    assert.equal(lost.resource?.resourceName, "t1");
    const held = tell(
      new Refusal("RESERVATION_NOT_HELD", "no", { reservationId: "r1", state: "EXPIRED" }),
    );
    assert.deepEqual(
      held.violations.map(({ type, subject }) => [type, subject]),
      [["RESERVATION_NOT_HELD", "r1"]],
    );
  });

  it("with findings of its own lists them", () => {
    const violations = [
      { type: "BG1", subject: "a", description: "x" },
      { type: "BG2", subject: "b", description: "y" },
    ];
    const told = tell(new Refusal("REVIEW_FAILED", "no", {}, { violations }));
    assert.deepEqual(
      told.violations.map(({ type }) => type),
      ["BG1", "BG2"],
    );
  });
});

describe("bad fields", () => {
  it("are told all together", () => {
    const told = tell(
      new BadField([
        { field: "a", rule: "is bad" },
        { field: "b[1].c", rule: "is worse" },
      ]),
    );
    assert.equal(told.reason, "INVALID_FIELD");
    assert.deepEqual(told.fields, ["a", "b[1].c"]);
    assert.deepEqual(told.rules, ["is bad", "is worse"]);
  });
});

describe("a fault of ours", () => {
  it("is INTERNAL with a fixed text, and its cause is in the log under the request id", () => {
    for (const fault of [
      new Error("secret-table is broken"),
      "thrown text",
      undefined,
      { code: 5 },
    ]) {
      const { at, lines } = occasion();
      const told = readStatus(statusMessage(failureOf(fault, at)));
      assert.equal(told.reason, "INTERNAL");
      assert.equal(told.requestId, "req-1");
      assert.equal(told.metadata["requestId"], "req-1");
      assert.doesNotMatch(JSON.stringify(told), /secret-table|thrown text/);
      assert.equal(lines.length, 1);
      assert.equal(lines[0]?.level, "error");
      assert.equal(lines[0]?.facts["err"], fault);
      assert.equal(lines[0]?.facts["requestId"], "req-1");
    }
  });
});

describe("the trailer", () => {
  it("of the largest refusal is within the 8 KiB that common clients take", () => {
    const violations = Array.from({ length: VIOLATIONS_MAX }, (_, at) => ({
      field: `approval.feature_version.feature_id[${at}]`,
      rule: `is required: ${"x".repeat(88)}`,
    }));
    const { metadata, details } = statusObject(failureOf(new BadField(violations), occasion().at));
    const [bytes] = metadata.get("grpc-status-details-bin") as Buffer[];
    assert.ok(bytes!.toString("base64").length + details.length < 8 * 1024, String(bytes!.length));
  });
});

function detailsOf(reason: string, { detail, retryAfterMs }: ReasonRule): string[] {
  const kinds = {
    FIELDS: "BadRequest",
    QUOTA: "QuotaFailure",
    PRECONDITION: "PreconditionFailure",
    RESOURCE: "ResourceInfo",
    REQUEST: "RequestInfo",
  };
  const isTimed = retryAfterMs !== undefined || TIMED.includes(reason);
  return [...(detail ? [kinds[detail.kind]] : []), ...(isTimed ? ["RetryInfo"] : [])];
}

function byReason(left: unknown[], right: unknown[]): number {
  return String(left[0]) < String(right[0]) ? -1 : 1;
}

/** The comments of the values of a file's first enum, in their order, on one line each. */
function commentsOfValues(name: string): string[] {
  const file = loadContract().descriptors.file.find((proto) => proto.name === name);
  // The path of value n of enum 0 is [5, 0, 2, n].
  const locations = file?.sourceCodeInfo?.location ?? [];
  return (
    file?.enumType[0]?.value.map((_, at) => {
      const path = [5, 0, 2, at].join();
      const location = locations.find((candidate) => candidate.path.join() === path);
      return location?.leadingComments.replaceAll("\n", " ") ?? "";
    }) ?? []
  );
}
