import assert from "node:assert/strict";
import { startSimulator, type Fault, type Simulator } from "../../src/simulator/index.ts";
import {
  authorize,
  call,
  createOrder,
  exchange,
  isGenuine,
  NATIVE,
  orderBody,
  queryTarget,
  queryWith,
  stateOf,
  type Reply,
} from "../support/wechat-merchant.ts";

describe("the simulator's faults of answers", () => {
  let simulator: Simulator;
  let outTradeNo: string;

  before(async () => {
    simulator = await startSimulator({ seed: 1 });
  });
  after(() => simulator.close());
  beforeEach(async () => {
    simulator.reset();
    ({ outTradeNo } = await createOrder(simulator));
  });

  const genuine = (reply: Reply): boolean =>
    isGenuine(simulator.merchant, reply.headers, reply.raw, simulator.clock.now());

  const FORGED: readonly Fault[] = [
    { kind: "bad-signature" },
    { kind: "signtest" },
    { kind: "wrong-serial" },
    { kind: "unknown-serial" },
    { kind: "missing-headers" },
    { kind: "missing-headers", headers: ["Wechatpay-Signature"] },
    { kind: "missing-headers", headers: ["Wechatpay-Timestamp"] },
    { kind: "timestamp", offsetSeconds: -301 },
    { kind: "timestamp", offsetSeconds: 301 },
    { kind: "altered-body" },
  ];

  for (const fault of FORGED) {
    it(`answers 200 that doesn't verify, once: ${JSON.stringify(fault)}`, async () => {
      const spoilt = await queryWith(simulator, outTradeNo, fault);
      assert.deepEqual([spoilt.status, genuine(spoilt)], [200, false]);
      const next = await call(simulator, "GET", queryTarget(simulator, outTradeNo));
      assert.deepEqual([next.status, genuine(next)], [200, true]);
    });
  }

  it("puts a probe where the signature should be, as WeChat Pay does", async () => {
    const { headers } = await queryWith(simulator, outTradeNo, { kind: "signtest" });
    assert.match(headers["wechatpay-signature"] ?? "", /^WECHATPAY\/SIGNTEST\//);
  });

  it("plays a fault on as many requests as it is told, of the method and path that it is told", async () => {
    simulator.faults.next({ method: "GET", path: /out-trade-no/ }, { kind: "rate-limited" }, 2);
    assert.equal((await call(simulator, "GET", "/v3/certificates")).status, 200);
    assert.equal((await call(simulator, "POST", NATIVE, orderBody(simulator))).status, 200);
    const statuses: number[] = [];
    for (let at = 0; at < 3; at += 1) {
      statuses.push((await call(simulator, "GET", queryTarget(simulator, outTradeNo))).status);
    }
    assert.deepEqual(statuses, [429, 429, 200]);
    simulator.faults.next({}, { kind: "rate-limited" });
    simulator.faults.clear();
    assert.equal((await call(simulator, "GET", "/v3/certificates")).status, 200);
  });

  it("answers 429, 500, an HTML page of 502, half of a JSON, and a redirect", async () => {
    const limited = await queryWith(simulator, outTradeNo, { kind: "rate-limited" });
    assert.deepEqual([limited.status, limited.json.code], [429, "FREQUENCY_LIMITED"]);
    const failed = await queryWith(simulator, outTradeNo, { kind: "system-error", when: "before" });
    assert.deepEqual([failed.status, failed.json.code], [500, "SYSTEM_ERROR"]);
    const gateway = await queryWith(simulator, outTradeNo, { kind: "bad-gateway" });
    assert.deepEqual([gateway.status, gateway.headers["content-type"]], [502, "text/html"]);
    const half = await queryWith(simulator, outTradeNo, { kind: "truncated-json" });
    assert.deepEqual([half.status, half.json, genuine(half)], [200, null, true]);
    const location = "http://127.0.0.1:9/";
    const moved = await queryWith(simulator, outTradeNo, { kind: "redirect", location });
    assert.deepEqual([moved.status, moved.headers["location"]], [302, location]);
  });

  for (const when of ["before", "after"] as const) {
    it(`cuts the connection, or answers 500, ${when} an order is made`, async () => {
      for (const kind of ["reset", "system-error"] as const) {
        const body = orderBody(simulator);
        simulator.faults.next({ path: NATIVE }, { kind, when });
        if (kind === "reset")
          await assert.rejects(call(simulator, "POST", NATIVE, body), /ECONNRESET|hang up/);
        else assert.equal((await call(simulator, "POST", NATIVE, body)).status, 500);
        const exists = simulator.orders.find(String(body["out_trade_no"])) !== null;
        assert.equal(exists, when === "after", kind);
        const again = await call(simulator, "POST", NATIVE, body);
        assert.equal(again.status, 200);
        assert.equal(await stateOf(simulator, String(body["out_trade_no"])), "NOTPAY");
      }
    });

    it(`never answers when it hangs ${when} the work`, async () => {
      const body = orderBody(simulator);
      const text = JSON.stringify(body);
      simulator.faults.next({ path: NATIVE }, { kind: "hang", when });
      const gate = simulator.faults.hold({ path: NATIVE }, "before");
      const abort = new AbortController();
      const headers = {
        Accept: "application/json",
        "Content-Type": "application/json",
        Authorization: authorize(simulator, simulator.merchant, "POST", NATIVE, text),
      };
      const hung = exchange(simulator.url + NATIVE, "POST", headers, text, abort.signal);
      const outcome = assert.rejects(hung, /abort/i);
      await gate.reached;
      gate.release();
      // Whatever is asked after it is answered before it.
      await call(simulator, "GET", "/v3/certificates");
      const entry = simulator.journal.find((each) => each.kind === "request" && each.fault === "hang");
      assert.ok(entry?.kind === "request" && entry.answer === null);
      assert.equal(simulator.orders.find(String(body["out_trade_no"])) !== null, when === "after");
      abort.abort();
      await outcome;
    });
  }

  it("answers no sooner than it is told to", async () => {
    const startMs = performance.now();
    const late = await queryWith(simulator, outTradeNo, { kind: "delay", ms: 200 });
    // Node's timers may ring a millisecond early.
    assert.ok(performance.now() - startMs >= 199);
    assert.deepEqual([late.status, genuine(late)], [200, true]);
  });

  it("holds a request at a barrier until it is let go", async () => {
    const gate = simulator.faults.hold({ path: NATIVE }, "after");
    const body = orderBody(simulator);
    const making = call(simulator, "POST", NATIVE, body);
    await gate.reached;
    assert.equal(await stateOf(simulator, String(body["out_trade_no"])), "NOTPAY");
    gate.release();
    assert.equal((await making).status, 200);
  });
});
