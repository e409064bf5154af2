/**
 * Messages for people in group chats: robots of 企业微信 (WeCom), 钉钉 (DingTalk) and 飞书 (Feishu). Each has a form, a
 * signature and an answer of its own; all of them say 200 to what they refuse, so their answers are read.
 */
import { createHmac } from "node:crypto";
import type { StoredEvent } from "../store/outbox-rows.ts";
import type { Endpoint, Robot, RobotKind } from "./endpoints.ts";
import { TITLES } from "./titles.ts";
import { post, type Answer, type Message, type SendOptions } from "./webhook.ts";

/** WeCom takes 4,096 bytes, the others more: a chat is no place for long texts. */
const TEXT_BYTES_MAX = 3_500;
/** Of one fact; what is longer is looked up by its id. */
const FACT_LENGTH_MAX = 300;
/** A robot takes some twenty messages a minute. */
const RATE_RETRY_MS = 60_000;
const SECOND_MS = 1_000;

/** What each robot answers to too many messages, by its own documentation. */
const RATE_CODES: Readonly<Record<RobotKind, readonly number[]>> = {
  wecom: [45_009],
  dingtalk: [130_101, 410_100],
  feishu: [9_499, 11_232],
};

/** Sends an event to a robot once. Whatever goes wrong is an answer too. */
export async function sendToRobot(
  { url, robot }: Pick<Endpoint, "url"> & { readonly robot: Robot },
  event: StoredEvent,
  options: SendOptions,
): Promise<Answer> {
  const { answer, text } = await post(robotMessage(url, robot, event, Date.now()), options);
  if (answer.kind !== "CONFIRMED") return answer;
  const code = codeOf(text);
  if (code === 0) return answer;
  return {
    kind: "REFUSED",
    status: answer.status,
    error: code === undefined ? "the robot's answer can't be read" : `the robot says ${code}`,
    isFinal: false,
    retryAfterMs: code !== undefined && RATE_CODES[robot.kind].includes(code) ? RATE_RETRY_MS : 0,
  };
}

/** @param nowMs what signatures are made for: robots refuse what is older than an hour, or older */
export function robotMessage(
  url: string,
  { kind, secret }: Robot,
  event: StoredEvent,
  nowMs: number,
): Message {
  const { title, text } = wordsOf(event);
  const json = (body: unknown) => JSON.stringify(body);
  if (kind === "wecom") {
    const content = `**${title}**\n${text}`;
    return { url, headers: {}, body: json({ msgtype: "markdown", markdown: { content } }) };
  }
  if (kind === "dingtalk") {
    const markdown = { title, text: `#### ${title}\n\n${text.replaceAll("\n", "\n\n")}` };
    const signed = secret === undefined ? url : signedForDingtalk(url, secret, nowMs);
    return { url: signed, headers: {}, body: json({ msgtype: "markdown", markdown }) };
  }
  const content = { text: `${title}\n${text}` };
  const signature = secret === undefined ? {} : signedForFeishu(secret, nowMs);
  return { url, headers: {}, body: json({ ...signature, msg_type: "text", content }) };
}

/** HMAC-SHA256 under the secret of the time in milliseconds, a line feed and the secret, in the address. */
function signedForDingtalk(url: string, secret: string, nowMs: number): string {
  const sign = createHmac("sha256", secret).update(`${nowMs}\n${secret}`).digest("base64");
  const signed = new URL(url);
  signed.searchParams.set("timestamp", String(nowMs));
  signed.searchParams.set("sign", sign);
  return signed.href;
}

/** HMAC-SHA256 of nothing, under the time in seconds, a line feed and the secret, in the body. */
function signedForFeishu(secret: string, nowMs: number): { timestamp: string; sign: string } {
  const timestamp = String(Math.floor(nowMs / SECOND_MS));
  const sign = createHmac("sha256", `${timestamp}\n${secret}`).update("").digest("base64");
  return { timestamp, sign };
}

/** An event for people: what happened, to whom, with its facts, one a line. */
function wordsOf({ eventId, type, userId, subject, payloadText, createTimeMs }: StoredEvent) {
  const facts = Object.entries(JSON.parse(payloadText) as Record<string, unknown>);
  const lines = [
    `时间: ${shanghai(createTimeMs)}`,
    ...(userId === null ? [] : [`用户: ${plain(userId)}`]),
    `对象: ${plain(subject)}`,
    ...facts.map(([name, value]) => `${name}: ${plain(value)}`),
    `event: ${eventId}`,
  ];
  return { title: `${TITLES[type] ?? type} (${type})`, text: shortened(lines) };
}

const OFFSET_MS = 8 * 3_600_000;

function shanghai(ms: number): string {
  return new Date(ms + OFFSET_MS).toISOString().slice(0, 19).replace("T", " ");
}

/** A fact as text in which no robot finds markup, mentions or links. */
function plain(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const safe = text.replaceAll(/[\r\n]+/g, " ").replaceAll(/[<>[\]*_`#@|]/g, fullWidth);
  return safe.length > FACT_LENGTH_MAX ? `${safe.slice(0, FACT_LENGTH_MAX)}…` : safe;
}

const FULL_WIDTH_OFFSET = 0xfee0;

function fullWidth(sign: string): string {
  return String.fromCharCode(sign.charCodeAt(0) + FULL_WIDTH_OFFSET);
}

/** Whole lines only; the last one, the event's id, stays in any case. */
function shortened(lines: readonly string[]): string {
  const kept = [...lines];
  const sizeOf = () => Buffer.byteLength(kept.join("\n"));
  while (kept.length > 2 && sizeOf() > TEXT_BYTES_MAX) kept.splice(-2, 1);
  return kept.join("\n");
}

/** What the robot thinks of it: `errcode` of WeCom and DingTalk, `code` of Feishu; 0 is well. */
function codeOf(text: string): number | undefined {
  try {
    const answer = JSON.parse(text) as Record<string, unknown> | null;
    const code = answer?.["errcode"] ?? answer?.["code"] ?? answer?.["StatusCode"];
    return typeof code === "number" ? code : undefined;
  } catch {
    return undefined;
  }
}
