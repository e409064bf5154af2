/** Robots of group chats: their forms, signatures and answers. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { EVENTS } from "../../src/billing/event-types.ts";
import { parseEndpoints, type Robot, type RobotKind } from "../../src/queue/endpoints.ts";
import { robotMessage, sendToRobot } from "../../src/queue/robot.ts";
import { TITLES } from "../../src/queue/titles.ts";
import type { StoredEvent } from "../../src/store/outbox-rows.ts";
import { newEvent } from "../support/queue.ts";
import { startReceiver, type Receiver } from "../support/receiver.ts";

const KINDS: readonly RobotKind[] = ["wecom", "dingtalk", "feishu"];
const NOW_MS = Date.UTC(2026, 10, 23, 3, 0, 0);
const URL_TEXT = "https://chat.example/robot/send?access_token=t";

function stored(change: Partial<StoredEvent> = {}): StoredEvent {
  const { payload: _, ...event } = newEvent({ type: "ledger.broken", createTimeMs: NOW_MS });
  const payloadText = JSON.stringify({ rule: "LB01", expected: 5, found: 4 });
  return { ...event, payloadText, ...change };
}

const robot = (kind: RobotKind, secret?: string): Robot => ({ kind, secret });
const bodyOf = (one: Robot, event = stored()) =>
  JSON.parse(robotMessage(URL_TEXT, one, event, NOW_MS).body) as Record<string, unknown>;
/** What people read of it, whatever the form. */
const textOf = (one: Robot, event = stored()) => JSON.stringify(bodyOf(one, event));

describe("a robot's message", () => {
  it("has the form that each robot takes", () => {
    const wecom = bodyOf(robot("wecom")) as { msgtype: string; markdown: { content: string } };
    assert.equal(wecom.msgtype, "markdown");
    assert.match(wecom.markdown.content, /^\*\*账本复算不平，需立即处理 \(ledger\.broken\)\*\*\n/);
    const ding = bodyOf(robot("dingtalk")) as { markdown: { title: string; text: string } };
    assert.match(ding.markdown.title, /ledger\.broken/);
    assert.match(ding.markdown.text, /^#### .*\n\n时间: 2026-11-23 11:00:00\n\n/);
    const feishu = bodyOf(robot("feishu")) as { msg_type: string; content: { text: string } };
    assert.equal(feishu.msg_type, "text");
    assert.match(feishu.content.text, /\nrule: LB01\nexpected: 5\nfound: 4\nevent: evt_/);
  });

  it("is signed as DingTalk and Feishu check it, and not at all without a secret", () => {
    const { url } = robotMessage(URL_TEXT, robot("dingtalk", "SECabc"), stored(), NOW_MS);
    const { searchParams } = new URL(url);
    const sign = createHmac("sha256", "SECabc").update(`${NOW_MS}\nSECabc`).digest("base64");
    assert.deepEqual(Object.fromEntries(searchParams), {
      access_token: "t",
      timestamp: String(NOW_MS),
      sign,
    });
    const { timestamp, sign: signature } = bodyOf(robot("feishu", "abc")) as {
      timestamp: string;
      sign: string;
    };
    assert.equal(timestamp, String(NOW_MS / 1_000));
    assert.equal(signature, createHmac("sha256", `${timestamp}\nabc`).digest("base64"));
    assert.equal(robotMessage(URL_TEXT, robot("dingtalk"), stored(), NOW_MS).url, URL_TEXT);
    assert.equal("sign" in bodyOf(robot("feishu")), false);
  });

  it("carries no markup, mention or link from a fact, and stays small", () => {
    const payloadText = JSON.stringify({
      why: "<@all> [click](http://evil.example) `x` **y**\n# z",
      ...Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`fact_${n}`, "长".repeat(400)])),
    });
    for (const kind of KINDS) {
      const text = textOf(robot(kind), stored({ payloadText }));
      for (const sign of ["<@", "[click]", "`", "\\n# z"]) assert.ok(!text.includes(sign), sign);
      assert.ok(Buffer.byteLength(text) < 4_096, `${kind}: ${Buffer.byteLength(text)}`);
      assert.match(text, /event: evt_/);
    }
  });

  it("has a title for every type of event", () => {
    assert.deepEqual(Object.keys(TITLES).toSorted(), Object.keys(EVENTS).toSorted());
  });
});

describe("a robot's answer", () => {
  const receivers: Receiver[] = [];
  afterEach(() => Promise.all(receivers.splice(0).map((receiver) => receiver.close())));

  const send = async (kind: RobotKind, said: string) => {
    const receiver = await startReceiver((_, answer) => void answer.writeHead(200).end(said));
    receivers.push(receiver);
    const options = { timeoutMs: 30_000, signal: new AbortController().signal };
    return sendToRobot({ url: receiver.url, robot: robot(kind) }, stored(), options);
  };

  it("confirms with code 0 only, though its status is always 200", async () => {
    const said = { wecom: '{"errcode":0}', dingtalk: '{"errcode":0}', feishu: '{"code":0}' };
    for (const kind of KINDS) {
      assert.equal((await send(kind, said[kind])).kind, "CONFIRMED");
      const no = said[kind].replace("0", "93000");
      const refused = await send(kind, no);
      assert.equal(refused.kind === "REFUSED" && refused.error, "the robot says 93000");
      assert.equal((await send(kind, "<html>")).kind, "REFUSED");
      assert.equal((await send(kind, "null")).kind, "REFUSED");
    }
  });

  it("that asks for patience gets it", async () => {
    const limited = { wecom: 45_009, dingtalk: 130_101, feishu: 11_232 };
    for (const kind of KINDS) {
      const field = kind === "feishu" ? "code" : "errcode";
      const answer = await send(kind, JSON.stringify({ [field]: limited[kind] }));
      assert.equal(answer.kind === "REFUSED" && answer.retryAfterMs, 60_000);
    }
  });
});

describe("a robot in the list of endpoints", () => {
  const parse = (given: object) =>
    parseEndpoints(JSON.stringify([{ name: "ops", url: URL_TEXT, types: ["ledger.*"], ...given }]));

  it("needs no secret, and takes one where its chat knows signatures", () => {
    const { endpoints, faults } = parse({ robot: "wecom" });
    assert.deepEqual(faults, []);
    assert.deepEqual(endpoints[0]?.robot, { kind: "wecom", secret: undefined });
    const signed = parse({ robot: "dingtalk", secrets: ["SECabc"] });
    assert.deepEqual(signed.endpoints[0]?.robot, { kind: "dingtalk", secret: "SECabc" });
    assert.deepEqual(signed.endpoints[0]?.secrets, []);
  });

  it("is refused with secrets that it can't use, and as a kind that nobody knows", () => {
    assert.match(
      parse({ robot: "wecom", secrets: ["x"] }).faults.join(),
      /secrets must be left out/,
    );
    assert.match(parse({ robot: "feishu", secrets: ["a", "b"] }).faults.join(), /one secret/);
    assert.match(parse({ robot: "slack" }).faults.join(), /robot/);
    assert.match(parse({}).faults.join(), /at least one secret/);
  });
});
