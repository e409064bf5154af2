import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import * as fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { payloadOf, type StoredEvent } from "../../src/store/outbox-rows.ts";
import { HOUR_MS, SECOND_MS } from "../../src/billing/clock.ts";
import { parseEndpoints, wants } from "../../src/queue/endpoints.ts";
import { pauseAfter, RETRY_SCHEDULE_MS } from "../../src/queue/schedule.ts";
import { parseSecret, signatures } from "../../src/queue/signature.ts";
import { sendWebhook, webhookBody, type Answer } from "../../src/queue/webhook.ts";
import { makeCertificate } from "../support/certificate.ts";
import { newEvent, newSecret } from "../support/queue.ts";
import { startReceiver, verify, type Reaction, type Receiver } from "../support/receiver.ts";

const PATIENCE_MS = 30_000;
const never = new AbortController().signal;

function stored(): StoredEvent {
  const { payload, ...event } = newEvent();
  return { ...event, payloadText: JSON.stringify(payload) };
}

const target = (url: string, ...secrets: string[]) => ({
  url,
  secrets: secrets.map((secret) => parseSecret(secret)!),
});

describe("a webhook's signature", () => {
  it("is the one that the convention's own example has", () => {
    // The example message of Standard Webhooks' reference libraries.
    const secret = parseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")!;
    const content = {
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: 1_614_265_330,
      body: '{"test": 2432232314}',
    };
    assert.equal(
      signatures([secret], content),
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
  });

  it("convinces the convention's own library, by each secret, for any id and body", () => {
    const bytes = fc.uint8Array({ minLength: 24, maxLength: 64 });
    const texts = bytes.map((array) => `whsec_${Buffer.from(array).toString("base64")}`);
    fc.assert(
      fc.property(
        fc.array(texts, { minLength: 1, maxLength: 3 }),
        fc.stringMatching(/^evt_[0-9A-Z]{1,40}$/),
        fc.json(),
        (secrets, id, body) => {
          const timestamp = Math.floor(Date.now() / SECOND_MS);
          const signature = signatures(target("", ...secrets).secrets, { id, timestamp, body });
          for (const secret of secrets) {
            const headers = {
              "webhook-id": id,
              "webhook-timestamp": String(timestamp),
              "webhook-signature": signature,
            };
            new Webhook(secret).verify(body, headers);
            assert.throws(() => new Webhook(secret).verify(`${body} `, headers));
            assert.throws(() => new Webhook(newSecret()).verify(body, headers));
          }
        },
      ),
    );
  });
});

describe("a webhook on its way", () => {
  const receivers: Receiver[] = [];
  const open = async (reaction?: Reaction) => {
    const receiver = await startReceiver(reaction);
    receivers.push(receiver);
    return receiver;
  };
  afterEach(() => Promise.all(receivers.splice(0).map((receiver) => receiver.close())));

  const send = (url: string, given: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
    sendWebhook(target(url, newSecret()), stored(), {
      timeoutMs: given.timeoutMs ?? PATIENCE_MS,
      signal: given.signal ?? never,
    });
  const assertRefused = (answer: Answer, status: number | null, error: string | RegExp) => {
    assert.equal(answer.kind, "REFUSED");
    assert.equal(answer.kind === "REFUSED" && answer.status, status);
    assert.match(answer.kind === "REFUSED" ? answer.error : "", new RegExp(error));
  };

  it("is a POST of JSON with the whole event, signed by the old and the new secret", async () => {
    const receiver = await open();
    const [fresh, old] = [newSecret(), newSecret()];
    const event = stored();
    const answer = await sendWebhook(target(receiver.url, fresh, old), event, {
      timeoutMs: PATIENCE_MS,
      signal: never,
    });
    assert.equal(answer.kind, "CONFIRMED");
    const [message] = receiver.received;
    assert.equal(message!.headers["content-type"], "application/json");
    assert.equal(message!.id, event.eventId);
    const expected = {
      id: event.eventId,
      type: event.type,
      timestamp: new Date(event.createTimeMs).toISOString(),
      user_id: null,
      subject: event.subject,
      data: payloadOf(event),
    };
    for (const secret of [fresh, old]) assert.deepEqual(verify(secret, message!), expected);
    assert.throws(() => verify(newSecret(), message!));
    assert.equal(message!.body, webhookBody(event));
  });

  it("is confirmed by any 2xx and by nothing else; 410 says that asking again is of no use", async () => {
    const receiver = await open();
    for (const status of [200, 201, 204, 299]) {
      receiver.react(() => status);
      assert.equal((await send(receiver.url)).kind, "CONFIRMED");
    }
    for (const status of [300, 304, 400, 401, 404, 409, 410, 422, 429, 500, 503]) {
      receiver.react(() => status);
      const answer = await send(receiver.url);
      assertRefused(answer, status, `^HTTP ${status}$`);
      assert.equal(answer.kind === "REFUSED" && answer.isFinal, status === 410);
    }
  });

  it("follows no redirect", async () => {
    const elsewhere = await open();
    for (const status of [301, 302, 303, 307, 308]) {
      const receiver = await open((_message, answer) => {
        answer.writeHead(status, { location: elsewhere.url }).end();
      });
      assertRefused(await send(receiver.url), status, `HTTP ${status}`);
    }
    assert.equal(elsewhere.received.length, 0);
  });

  it("waits as long as a busy receiver asks for, in seconds or as a date, a day at most", async () => {
    const receiver = await open();
    const asked = async (status: number, value: string) => {
      receiver.react((_message, answer) => {
        answer.writeHead(status, { "retry-after": value }).end();
      });
      const answer = await send(receiver.url);
      return answer.kind === "REFUSED" ? answer.retryAfterMs : undefined;
    };
    assert.equal(await asked(429, "120"), 120_000);
    assert.equal(await asked(503, "999999999"), 24 * HOUR_MS);
    const date = await asked(503, new Date(Date.now() + HOUR_MS).toUTCString());
    assert.ok(date! > HOUR_MS / 2 && date! <= HOUR_MS);
    assert.equal(await asked(503, new Date(0).toUTCString()), 0);
    assert.equal(await asked(429, "soon"), 0);
    assert.equal(await asked(500, "120"), 0);
  });

  it("gives up on a receiver that doesn't answer in time, that isn't there, or that hangs up", async () => {
    const silent = await open(() => undefined);
    assertRefused(await send(silent.url, { timeoutMs: 50 }), null, "^no answer in 50 ms$");
    const rude = await open((_message, answer) => void answer.destroy());
    assertRefused(await send(rude.url), null, "^(UND_ERR_SOCKET|ECONNRESET)$");
    const gone = await open();
    await receivers.splice(receivers.indexOf(gone), 1)[0]!.close();
    assertRefused(await send(gone.url), null, "^ECONNREFUSED$");
  });

  it("takes the status for what it is, however long the answer or wherever it breaks off", async () => {
    let written = 0;
    const endless = await open((_message, answer) => {
      answer.writeHead(200);
      const pour = () => {
        while (!answer.destroyed && answer.write("x".repeat(65_536))) written += 65_536;
      };
      answer.on("drain", pour);
      pour();
    });
    assert.equal((await send(endless.url)).kind, "CONFIRMED");
    assert.ok(written < 64 * 1024 * 1024);
    const broken = await open((_message, answer) => {
      answer.writeHead(200, { "content-length": "1000" });
      answer.write("x", () => answer.destroy());
    });
    assert.equal((await send(broken.url)).kind, "CONFIRMED");
  });

  it("can be broken off", async () => {
    const silent = await open(() => undefined);
    const reins = new AbortController();
    const sending = send(silent.url, { signal: reins.signal });
    await silent.until((received) => received.length === 1);
    reins.abort();
    assert.equal((await sending).kind, "BROKEN_OFF");
  });

  it("isn't told to a receiver whose certificate nobody vouches for", async () => {
    const { certPem, keyPem } = makeCertificate({ commonName: "stranger" });
    let requests = 0;
    const server = createServer({ cert: certPem, key: keyPem }, (_request, answer) => {
      requests += 1;
      answer.end();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      assertRefused(await send(`https://127.0.0.1:${port}/`), null, "SELF_SIGNED|UNABLE_TO");
      assert.equal(requests, 0);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});

describe("the file of endpoints", () => {
  const entry = (given: Record<string, unknown> = {}) => ({
    name: "shop",
    url: "https://shop.example/hooks",
    secrets: [newSecret()],
    types: ["*"],
    ...given,
  });
  const faultsOf = (...entries: unknown[]) => parseEndpoints(JSON.stringify(entries)).faults;

  it("may be empty, and gives what it lists", () => {
    assert.deepEqual(parseEndpoints("[]"), { endpoints: [], faults: [] });
    const { endpoints, faults } = parseEndpoints(JSON.stringify([entry()]));
    assert.deepEqual(faults, []);
    assert.equal(endpoints[0]!.secrets[0]!.length, 32);
  });

  it("takes plain http only for loopback or where it is meant", () => {
    for (const host of ["127.0.0.1:8080", "localhost", "[::1]:1"]) {
      assert.deepEqual(faultsOf(entry({ url: `http://${host}/` })), []);
    }
    const url = "http://shop.internal/hooks";
    assert.match(faultsOf(entry({ url })).join(), /^\[0\]\.url must be https/);
    assert.deepEqual(faultsOf(entry({ url, allow_http: true })), []);
    for (const bad of ["ftp://shop.example/", "shop", "file:///etc/passwd", "https://a:b@c/"]) {
      assert.match(faultsOf(entry({ url: bad, allow_http: true })).join(), /^\[0\]\.url must/);
    }
    // A name that only begins like loopback is somebody else's.
    assert.equal(faultsOf(entry({ url: "http://127.0.0.1.evil.example/" })).length, 1);
  });

  it("has every fault named with its place, and no fault quotes what was given", () => {
    const short = `whsec_${Buffer.alloc(23, 7).toString("base64")}`;
    const faults = faultsOf(
      entry({ secrets: [short, "hunter2"], types: ["order.*", "Order Paid"] }),
      entry({ name: "Shop 1", secret: "hunter2" }),
      entry({ secrets: [], types: [] }),
    );
    const text = faults.join("\n");
    for (const place of ["[0].secrets[0]", "[0].secrets[1]", "[0].types[1]", "[1].name"]) {
      assert.ok(faults.some((fault) => fault.startsWith(`${place} `)), `${place} in\n${text}`);
    }
    assert.match(text, /\[2\]\.secrets/);
    for (const given of [short, "hunter2", "Order Paid"]) assert.ok(!text.includes(given), text);
    assert.deepEqual(faultsOf(entry(), entry()), ["[1].name is that of [0] too"]);
    assert.deepEqual(parseEndpoints("{ whsec_").faults, ["is not JSON"]);
  });

  it("says by type who hears of what", () => {
    const hears = (pattern: string, type: string) => wants({ types: [pattern] }, type);
    assert.ok(hears("*", "order.paid"));
    assert.ok(hears("order.paid", "order.paid"));
    assert.ok(hears("order.*", "order.refund.succeeded"));
    for (const pattern of ["order.closed", "orders.*", "paid.*"]) {
      assert.ok(!hears(pattern, "order.paid"));
    }
    assert.ok(!hears("order.*", "orders.paid"));
    assert.ok(!hears("order.paid", "order.paid.twice"));
  });
});

describe("the schedule of retries", () => {
  it("has ten attempts in three to four days, each pause as planned or up to a fifth longer", () => {
    const total = RETRY_SCHEDULE_MS.reduce((sum, ms) => sum + ms, 0);
    assert.ok(total >= 72 * HOUR_MS && total * 1.2 <= 96 * HOUR_MS);
    assert.equal(RETRY_SCHEDULE_MS.length, 9);
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), random, (attempts, part) => {
        const pauseMs = pauseAfter(RETRY_SCHEDULE_MS, attempts, part)!;
        const planMs = RETRY_SCHEDULE_MS[attempts - 1]!;
        assert.ok(pauseMs >= planMs && pauseMs <= planMs * 1.2);
      }),
    );
    assert.equal(pauseAfter(RETRY_SCHEDULE_MS, 10, 0), undefined);
  });
});
