import assert from "node:assert/strict";

import * as fc from "fast-check";

import { createLog, type LogLevel } from "../../src/telemetry/log.ts";
import { redact, REDACTED } from "../../src/telemetry/redaction.ts";

/** What no line of a log may have in it. */
const CANARY = "canary-3f9c";

function recorded(level: LogLevel = "debug", traceId?: () => string | undefined) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const log = createLog({
    level,
    destination,
    base: { service: "test" },
    ...(traceId && { traceId }),
  });
  return { log, lines };
}

describe("the log", () => {
  it("writes one JSON object a line, with the time, the level's name and the trace's id", () => {
    const { log, lines } = recorded("info", () => "0af7651916cd43dd8448eb211c80319c");
    log.debug({}, "not written");
    log.warn({ lane: 3, amountFen: 9_900n, text: "two\nlines" }, "it happened");
    assert.equal(lines.length, 1);
    assert.equal(lines[0]!.indexOf("\n"), lines[0]!.length - 1);
    const { time, ...rest } = JSON.parse(lines[0]!) as Record<string, unknown>;
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.deepEqual(rest, {
      level: "warn",
      service: "test",
      trace_id: "0af7651916cd43dd8448eb211c80319c",
      lane: 3,
      amountFen: "9900",
      text: "two\nlines",
      message: "it happened",
    });
  });

  it("takes secrets out by the names of their fields, at any depth and in any spelling", () => {
    const names = [
      "authorization",
      "Cookie",
      "password",
      "db_password",
      "apiV3Key",
      "client_secret",
    ];
    names.push("token", "accessToken", "TOKEN_SHA256", "private-key", "openid", "payer_openid");
    names.push(
      "phone",
      "phoneNumber",
      "mobile",
      "email",
      "idCard",
      "id_card",
      "client_ip",
      "payer",
    );
    const { log, lines } = recorded();
    for (const name of names) {
      const secret = { [name]: CANARY };
      log.info(secret, "flat");
      log.info({ call: { metadata: [{ ...secret, kept: 1 }] } }, "nested in a list");
      log.info({ headers: new Map(Object.entries(secret)) }, "in a map");
      log.info({ [name]: { deep: [CANARY] } }, "an object under a secret name");
      log.info(
        { err: new Error("no", { cause: Object.assign(new Error("why"), secret) }) },
        "cause",
      );
    }
    assert.equal(lines.length, names.length * 5);
    for (const line of lines) assert.ok(!line.includes(CANARY), line);
    assert.ok(lines[1]!.includes('"kept":1'));
    assert.ok(lines[0]!.includes(REDACTED));
  });

  it("takes secrets out of texts: passwords in URLs, bearer credentials, private keys", () => {
    const { log, lines } = recorded();
    const key = `-----BEGIN PRIVATE KEY-----\n${CANARY}\n-----END PRIVATE KEY-----`;
    for (const text of [
      `connect mysql://billing:${CANARY}@db:3306/billing failed`,
      `redis://:${CANARY}@127.0.0.1:6379/`,
      `authorization: Bearer ${CANARY}`,
      `basic ${CANARY}`,
      key,
    ]) {
      log.info({ text }, "a fact");
      log.error({ err: new Error(text) }, "an error");
      log.error({ err: new AggregateError([new Error(text)], text) }, "several errors");
    }
    assert.equal(lines.length, 15);
    for (const line of lines) assert.ok(!line.includes(CANARY), line);
  });

  it("tells what an error is, without the statement that its driver hung onto it", () => {
    const { log, lines } = recorded();
    const fault = Object.assign(new Error(`Duplicate entry${" x".repeat(5_000)}`), {
      code: "ER_DUP_ENTRY",
      errno: 1062,
      sqlState: "23000",
      sql: `insert into users values ('${CANARY}')`,
      sqlMessage: CANARY,
    });
    log.error({ err: fault }, "a fault");
    const { err } = JSON.parse(lines[0]!) as { err: Record<string, string> };
    assert.deepEqual([err["type"], err["code"], err["errno"]], ["Error", "ER_DUP_ENTRY", 1062]);
    assert.match(err["stack"]!, /telemetry-log\.test\.ts/);
    assert.ok(!lines[0]!.includes(CANARY));
    assert.ok(lines[0]!.length < 10_000, `${lines[0]!.length} characters`);
  });

  it("ends with rings, deep nests, long lists and hostile names", () => {
    const ring: Record<string, unknown> = { list: Array.from({ length: 1_000 }, (_, at) => at) };
    ring["self"] = ring;
    const hostile = JSON.parse(
      `{"__proto__": {"polluted": 1}, "constructor": {"token": "${CANARY}"}}`,
    );
    const cleaned = redact({ ring, hostile, buffer: Buffer.from(CANARY), when: new Date(NaN) });
    const text = JSON.stringify(cleaned);
    assert.ok(!text.includes(CANARY) && text.length < 10_000);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });

  it("makes JSON of anything", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true }), (value) => {
        const { log, lines } = recorded();
        log.info({ value }, "anything");
        assert.equal(typeof JSON.parse(lines[0]!), "object");
      }),
    );
  });
});
