/** What docs/queue.md shows to receivers is what they get. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../../src/billing/clock.ts";
import { parseEndpoints } from "../../src/queue/endpoints.ts";
import { QUEUE_LIMITS } from "../../src/queue/queue.ts";
import { RETRY_SCHEDULE_MS } from "../../src/queue/schedule.ts";
import { parseSecret } from "../../src/queue/signature.ts";
import { sendWebhook } from "../../src/queue/webhook.ts";
import { readDocument } from "../support/documents.ts";
import { newEvent, newSecret } from "../support/queue.ts";
import { startReceiver, type Received } from "../support/receiver.ts";
import { freshDirectory } from "../support/servers.ts";

const { blocks, prose } = readDocument("docs/queue.md");

const blocksIn = (language: string) =>
  blocks.filter((block) => block.language === language).map(({ text }) => text);

interface Shown {
  isGenuine(secret: string, headers: Received["headers"], body: string): boolean;
}

describe("docs/queue.md", () => {
  const secrets = [newSecret(), newSecret()];
  let message: Received;
  before(async () => {
    const receiver = await startReceiver();
    const { payload, ...event } = newEvent();
    const target = { url: receiver.url, secrets: secrets.map((secret) => parseSecret(secret)!) };
    const stored = { ...event, payloadText: JSON.stringify(payload) };
    const signal = new AbortController().signal;
    await sendWebhook(target, stored, { timeoutMs: 30_000, signal });
    message = receiver.received[0]!;
    await receiver.close();
  });

  it("shows a check of signatures that takes what is sent and nothing else", async () => {
    const file = join(await freshDirectory(), "receiver.ts");
    await writeFile(file, blocksIn("ts")[0]!);
    const { isGenuine } = (await import(pathToFileURL(file).href)) as Shown;
    const { headers, body } = message;
    for (const secret of secrets) assert.ok(isGenuine(secret, headers, body));
    assert.ok(!isGenuine(newSecret(), headers, body));
    assert.ok(!isGenuine(secrets[0]!, headers, `${body} `));
    assert.ok(!isGenuine(secrets[0]!, { ...headers, "webhook-id": "evt_other" }, body));
    for (const secondsAway of [-301, 301]) {
      const timestamp = String(Math.floor(Date.now() / SECOND_MS) + secondsAway);
      assert.ok(!isGenuine(secrets[0]!, { ...headers, "webhook-timestamp": timestamp }, body));
    }
    assert.ok(!isGenuine(secrets[0]!, { ...headers, "webhook-timestamp": undefined }, body));
    assert.ok(!isGenuine(secrets[0]!, { ...headers, "webhook-signature": undefined }, body));
  });

  it("shows the fields and the headers that a message has", () => {
    const [shown] = blocksIn("json").map((text) => JSON.parse(text) as object);
    const fields = Object.keys(shown!);
    assert.deepEqual(Object.keys(JSON.parse(message.body) as object), fields);
    for (const field of fields) assert.ok(prose.includes(`| \`${field}\` |`), field);
    for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature", "content-type"]) {
      assert.ok(prose.includes(`| \`${name}\` |`), name);
      assert.ok(message.headers[name] !== undefined, name);
    }
  });

  it("tells the schedule and the limits that there are", () => {
    const row = RETRY_SCHEDULE_MS.map((ms) => {
      if (ms >= HOUR_MS) return `${ms / HOUR_MS} h`;
      return ms >= MINUTE_MS ? `${ms / MINUTE_MS} min` : `${ms / SECOND_MS} s`;
    });
    assert.ok(prose.includes(`| pause | ${row.join(" | ")} |`));
    assert.ok(prose.includes(`within ${QUEUE_LIMITS.requestTimeoutMs / SECOND_MS} seconds`));
    assert.ok(prose.includes(`${QUEUE_LIMITS.concurrency} requests at once`));
  });

  it("shows a file of endpoints that is right but for its secrets", () => {
    const text = blocksIn("json")[1]!.replaceAll(/whsec_[^"]*/g, () => newSecret());
    assert.deepEqual(parseEndpoints(text).faults, []);
  });
});
