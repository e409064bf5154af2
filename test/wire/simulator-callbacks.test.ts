import assert from "node:assert/strict";
import {
  CORRUPT_LAYERS,
  RETRY_WAITS_MS,
  startSimulator,
  type CallbackEntry,
  type CorruptLayer,
  type Simulator,
} from "../../src/simulator/index.ts";
import {
  call,
  createOrder,
  isGenuine,
  NATIVE,
  open,
  orderBody,
  queryTarget,
  startEndpoint,
  type Endpoint,
  type Received,
} from "../support/wechat-merchant.ts";

const START_MS = Date.parse("2026-11-23T12:00:00+08:00");
const HOUR_MS = 3_600_000;

describe("the simulator's callbacks", () => {
  let simulator: Simulator;
  let endpoint: Endpoint;

  before(async () => {
    simulator = await startSimulator({ seed: 1, startTimeMs: START_MS });
  });
  after(() => simulator.close());
  beforeEach(async () => {
    endpoint = await startEndpoint();
    simulator.reset();
    simulator.clock.freeze();
    simulator.clock.set(START_MS);
    simulator.keys.mode("mixed");
    simulator.keys.callbackPublicKeyShare(0.5);
  });
  afterEach(() => endpoint.close());

  const pay = async (): Promise<string> => {
    const { outTradeNo, codeUrl } = await createOrder(simulator, { notify_url: endpoint.url });
    simulator.user.pay(codeUrl);
    return outTradeNo;
  };
  const deliveries = (): CallbackEntry[] => simulator.journal.filter((entry) => entry.kind === "callback");
  const genuine = ({ headers, raw }: Received): boolean =>
    isGenuine(simulator.merchant, headers, raw, simulator.clock.now());
  const readable = ({ raw }: Received): boolean => {
    try {
      const { mchid, trade_state: state } = open(simulator.merchant, raw);
      return mchid === simulator.merchant.mchid && state === "SUCCESS";
    } catch {
      return false;
    }
  };

  it("tell of a payment in a signed envelope what the query tells", async () => {
    const outTradeNo = await pay();
    await simulator.idle();
    const [received] = endpoint.received;
    assert.ok(received && genuine(received));
    const envelope = JSON.parse(received.raw.toString());
    assert.match(envelope.id, /^EV-\d+$/);
    assert.deepEqual(
      [envelope.event_type, envelope.resource_type, envelope.create_time, envelope.summary],
      ["TRANSACTION.SUCCESS", "encrypt-resource", "2026-11-23T12:00:00+08:00", "支付成功"],
    );
    const { resource } = envelope;
    assert.deepEqual(
      [resource.algorithm, resource.original_type, resource.associated_data, resource.nonce.length],
      ["AEAD_AES_256_GCM", "transaction", "transaction", 12],
    );
    const queried = await call(simulator, "GET", queryTarget(simulator, outTradeNo));
    assert.deepEqual(open(simulator.merchant, received.raw), queried.json);
    assert.equal(received.headers["wechatpay-signature-type"], "WECHATPAY2-SHA256-RSA2048");
    assert.equal(received.headers["content-type"], "application/json");
  });

  it("are signed by the certificate, by the public key, or by a share of both", async () => {
    const { publicKeyId, platformCertificates } = simulator.merchant;
    const certificate = platformCertificates[0]?.serial;
    const signers = async (count: number): Promise<Set<string | undefined>> => {
      endpoint.received.length = 0;
      for (let at = 0; at < count; at += 1) await pay();
      await simulator.idle();
      assert.ok(endpoint.received.every(genuine));
      return new Set(endpoint.received.map(({ headers }) => headers["wechatpay-serial"]));
    };
    assert.deepEqual(await signers(24), new Set([publicKeyId, certificate]));
    simulator.keys.callbackPublicKeyShare(0);
    assert.deepEqual(await signers(4), new Set([certificate]));
    simulator.keys.callbackPublicKeyShare(1);
    assert.deepEqual(await signers(4), new Set([publicKeyId]));
    simulator.keys.mode("certificate");
    assert.deepEqual(await signers(4), new Set([certificate]));
    simulator.keys.mode("public-key");
    simulator.keys.callbackPublicKeyShare(0);
    assert.deepEqual(await signers(4), new Set([publicKeyId]));
  });

  it("come 15 times more within 24 hours and 4 minutes, each signed anew, and then never", async () => {
    endpoint.answer = () => 500;
    await pay();
    await simulator.clock.advance(72 * HOUR_MS);
    const made = deliveries();
    assert.equal(made.length, 16);
    const waits = made.slice(1).map(({ atMs }, at) => atMs - (made[at]?.atMs ?? 0));
    assert.deepEqual(waits, RETRY_WAITS_MS);
    assert.equal((made.at(-1)?.atMs ?? 0) - START_MS, 24 * HOUR_MS + 4 * 60_000);
    assert.equal(new Set(made.map(({ eventId }) => eventId)).size, 1);
    assert.equal(new Set(made.map(({ headers }) => headers["Wechatpay-Signature"])).size, 16);
    for (const { atMs, headers, body, attempt } of made) {
      assert.equal(Number(headers["Wechatpay-Timestamp"]), Math.floor(atMs / 1_000));
      assert.equal(made[attempt]?.body, body);
    }
  });

  it("are received when the answer is 200 or 204, whatever it says, and by no other status", async () => {
    for (const [status, received] of [
      [200, true],
      [204, true],
      [201, false],
      [202, false],
      [302, false],
      [400, false],
      [401, false],
      [500, false],
      [0, false],
    ] as const) {
      simulator.reset();
      simulator.clock.freeze();
      simulator.clock.set(START_MS);
      endpoint.received.length = 0;
      endpoint.answer = () => status;
      await pay();
      await simulator.idle();
      assert.equal(deliveries()[0]?.accepted, received, String(status));
      endpoint.answer = () => 204;
      await simulator.clock.advance(72 * HOUR_MS);
      assert.equal(endpoint.received.length, received ? 1 : 2, String(status));
      // A redirect is no success, and nobody follows it.
      assert.ok(endpoint.received.every(({ path }) => path === "/notify"));
    }
    simulator.settings.acceptOther2xx = true;
    endpoint.answer = () => 202;
    await pay();
    await simulator.idle();
    assert.equal(deliveries().at(-1)?.accepted, true);
  });

  it("that aren't answered in time have failed, even when the answer comes", async () => {
    simulator.settings.callbackTimeoutMs = 50;
    const late = Promise.withResolvers<number>();
    endpoint.answer = () => late.promise;
    await pay();
    await simulator.idle();
    assert.deepEqual(
      deliveries().map(({ accepted, outcome }) => [accepted, outcome]),
      [[false, { error: "no answer in time" }]],
    );
    late.resolve(204);
    endpoint.answer = () => 204;
    simulator.settings.callbackTimeoutMs = 5_000;
    await simulator.clock.advance(15_000);
    assert.deepEqual(
      deliveries().map(({ accepted }) => accepted),
      [false, true],
    );
  });

  it("wait five seconds unless a test says otherwise", () => {
    assert.equal(simulator.settings.callbackTimeoutMs, 5_000);
  });

  it("can be dropped, so that the next comes after 15 seconds", async () => {
    simulator.faults.callbacks.drop(2);
    await pay();
    await simulator.clock.advance(29_999);
    assert.equal(endpoint.received.length, 0);
    await simulator.clock.advance(1);
    assert.equal(endpoint.received.length, 1);
  });

  it("can come twice, one after the other or at the same moment", async () => {
    simulator.faults.callbacks.duplicate();
    await pay();
    await simulator.idle();
    assert.deepEqual(endpoint.received.map(genuine), [true, true]);

    endpoint.received.length = 0;
    simulator.faults.callbacks.duplicateConcurrently();
    const both = Promise.withResolvers<void>();
    // The first is answered only when the second is there, so they must overlap.
    endpoint.answer = async () => {
      if (endpoint.received.length === 2) both.resolve();
      await both.promise;
      return 204;
    };
    await pay();
    await simulator.idle();
    assert.deepEqual(endpoint.received.map(genuine), [true, true]);
    const ids = new Set(endpoint.received.map(({ raw }) => JSON.parse(raw.toString()).id));
    assert.equal(ids.size, 1);
  });

  it("can come in the reverse of their order, and long after what they tell", async () => {
    simulator.faults.callbacks.reorder(3);
    const numbers = [await pay(), await pay(), await pay()];
    await simulator.idle();
    const told = endpoint.received.map(({ raw }) => open(simulator.merchant, raw).out_trade_no);
    assert.deepEqual(told, numbers.toReversed());

    endpoint.received.length = 0;
    simulator.faults.callbacks.delay(2 * HOUR_MS);
    await pay();
    await simulator.clock.advance(2 * HOUR_MS - 1);
    assert.equal(endpoint.received.length, 0);
    await simulator.clock.advance(1);
    assert.ok(endpoint.received[0] && genuine(endpoint.received[0]));
  });

  it("can come before the answer to the order's creation", async () => {
    simulator.faults.callbacks.beforePrepayReturns();
    const gate = simulator.faults.hold({ path: NATIVE }, "after");
    const making = call(simulator, "POST", NATIVE, orderBody(simulator, { notify_url: endpoint.url }));
    await gate.reached;
    assert.equal(endpoint.received.length, 1);
    gate.release();
    assert.equal((await making).status, 200);
  });

  it("can be preceded by a probe, whose signature nothing verifies", async () => {
    endpoint.answer = (received) => (genuine(received) ? 204 : 401);
    simulator.faults.callbacks.probe();
    await pay();
    await simulator.idle();
    assert.deepEqual(endpoint.received.map(genuine), [false, true]);
    assert.match(endpoint.received[0]?.headers["wechatpay-signature"] ?? "", /^WECHATPAY\/SIGNTEST\//);
    assert.deepEqual(
      deliveries().map(({ twists }) => twists),
      [["probe"], []],
    );
  });

  const UNSIGNED: readonly CorruptLayer[] = [
    "signature",
    "signature-text",
    "serial",
    "unknown-serial",
    "merchant-signed",
    "timestamp",
    "body",
  ];
  for (const layer of CORRUPT_LAYERS) {
    it(`can be spoilt in one layer, once: ${layer}`, async () => {
      endpoint.answer = (received) => (genuine(received) && readable(received) ? 204 : 401);
      simulator.faults.callbacks.corrupt(layer);
      await pay();
      await simulator.clock.advance(15_000);
      const [spoilt, whole, ...more] = endpoint.received;
      assert.ok(spoilt && whole);
      assert.equal(more.length, 0);
      assert.equal(readable(spoilt), UNSIGNED.includes(layer));
      assert.ok(readable(whole));
    });
  }

  it("are signed rightly or wrongly as the spoilt layer says", async () => {
    for (const layer of CORRUPT_LAYERS) {
      endpoint.received.length = 0;
      endpoint.answer = () => 204;
      simulator.faults.callbacks.corrupt(layer);
      await pay();
      await simulator.idle();
      const [spoilt] = endpoint.received;
      assert.equal(spoilt && genuine(spoilt), !UNSIGNED.includes(layer), layer);
    }
    assert.match(endpoint.received[0]?.raw.toString() ?? "", /^\{"id":"EV-/);
  });

  it("can tell of another merchant, of an unheard-of event, and have no associated data", async () => {
    simulator.faults.callbacks.otherMerchant();
    await pay();
    await simulator.idle();
    simulator.faults.callbacks.unknownEvent();
    await pay();
    await simulator.idle();
    simulator.faults.callbacks.emptyAssociatedData();
    await pay();
    await simulator.idle();
    const [foreign, unheard, bare] = endpoint.received;
    assert.ok(foreign && unheard && bare && endpoint.received.every(genuine));
    const told = open(simulator.merchant, foreign.raw);
    assert.notEqual(told.mchid, simulator.merchant.mchid);
    assert.notEqual(told.appid, simulator.merchant.appid);
    assert.equal(JSON.parse(unheard.raw.toString()).event_type, "TRANSACTION.UNHEARD_OF");
    assert.equal(JSON.parse(bare.raw.toString()).resource.associated_data, "");
    assert.ok(readable(bare));
  });

  it("can be spoilt by chance", async () => {
    simulator.faults.callbacks.drop({ chance: 0.5 });
    for (let at = 0; at < 40; at += 1) await pay();
    await simulator.idle();
    assert.ok(endpoint.received.length > 5 && endpoint.received.length < 35);
    simulator.faults.callbacks.clear();
    await simulator.clock.advance(15_000);
    assert.equal(endpoint.received.length, 40);
  });

  it("are written down with the bytes that were sent", async () => {
    await pay();
    await simulator.idle();
    const [entry] = deliveries();
    const [received] = endpoint.received;
    assert.ok(entry && received);
    assert.deepEqual(entry.body, received.raw);
    assert.equal(entry.headers["Wechatpay-Signature"], received.headers["wechatpay-signature"]);
    assert.deepEqual([entry.url, entry.eventType, entry.attempt], [endpoint.url, "TRANSACTION.SUCCESS", 0]);
    assert.deepEqual(entry.outcome, { status: 204, body: Buffer.alloc(0) });
  });

  it("of a test's own making are signed rightly unless it asks for something else", async () => {
    const resource = { mchid: simulator.merchant.mchid, trade_state: "SUCCESS" };
    const { url } = endpoint;
    const signers = simulator.keys.signing();
    assert.equal(signers.length, 2);
    await simulator.deliver({ url, resource });
    for (const key of signers) await simulator.deliver({ url, resource, key });
    assert.ok(endpoint.received.every((received) => genuine(received) && readable(received)));
    endpoint.received.length = 0;
    await simulator.deliver({ url, resource, offsetSeconds: -300 });
    await simulator.deliver({ url, resource, headers: { "Wechatpay-Signature": null } });
    await simulator.deliver({ url, body: "{}", sentBody: "{ }" });
    assert.ok(endpoint.received.every((received) => !genuine(received)));
    assert.deepEqual(await simulator.deliver({ url, body: "{}" }), { status: 204, body: Buffer.alloc(0) });
  });

  it("stop when the simulator is reset, and leave nothing behind when it closes", async () => {
    endpoint.answer = () => 500;
    await pay();
    await simulator.idle();
    simulator.reset();
    simulator.clock.freeze();
    simulator.clock.set(START_MS);
    await simulator.clock.advance(72 * HOUR_MS);
    assert.equal(endpoint.received.length, 1);
    const never = Promise.withResolvers<number>();
    const arrived = Promise.withResolvers<void>();
    endpoint.answer = () => {
      arrived.resolve();
      return never.promise;
    };
    const other = await startSimulator({ seed: 5 });
    const { codeUrl } = await createOrder(other, { notify_url: endpoint.url });
    other.user.pay(codeUrl);
    await arrived.promise;
    await other.close();
    never.resolve(204);
  });

  it("run on the real clock too: a lost one comes again by itself", async () => {
    simulator.clock.resume();
    simulator.faults.callbacks.drop();
    const arrived = Promise.withResolvers<void>();
    endpoint.answer = () => {
      arrived.resolve();
      return 204;
    };
    await pay();
    await simulator.idle();
    assert.equal(endpoint.received.length, 0);
    // A jump, after which time runs on by itself.
    simulator.clock.set(simulator.clock.now() + 14_900);
    await arrived.promise;
    await simulator.idle();
    assert.equal(deliveries().at(-1)?.accepted, true);
  });
});
