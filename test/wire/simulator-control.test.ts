import assert from "node:assert/strict";
import { startSimulator, type Simulator } from "../../src/simulator/index.ts";
import {
  call,
  createOrder,
  queryTarget,
  REFUNDS,
  startEndpoint,
  stateOf,
  type Endpoint,
} from "../support/wechat-merchant.ts";

const START_MS = Date.parse("2026-11-23T12:00:00+08:00");

describe("the simulator's knobs over HTTP", () => {
  let simulator: Simulator;
  let endpoint: Endpoint;

  before(async () => {
    endpoint = await startEndpoint();
    simulator = await startSimulator({ seed: 1, startTimeMs: START_MS });
  });
  after(async () => {
    await simulator.close();
    await endpoint.close();
  });
  beforeEach(() => {
    simulator.reset();
    simulator.clock.freeze();
    simulator.clock.set(START_MS);
    simulator.keys.mode("mixed");
    endpoint.received.length = 0;
  });

  // oxlint-disable-next-line typescript/no-explicit-any
  type Answered = { status: number; json: any };
  const get = async (path: string): Promise<Answered> => {
    const response = await fetch(`${simulator.url}/_simulator${path}`);
    return { status: response.status, json: await response.json() };
  };
  const turn = async (
    path: string,
    words?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answered> => {
    const body = words === undefined ? {} : { body: JSON.stringify(words) };
    const response = await fetch(`${simulator.url}/_simulator${path}`, {
      method: "POST",
      headers,
      ...body,
    });
    return { status: response.status, json: await response.json() };
  };

  it("pay a certain order, or the newest that is unpaid", async () => {
    assert.deepEqual((await turn("/pay")).json.reason, "UNKNOWN");
    const first = await createOrder(simulator, { notify_url: endpoint.url });
    const second = await createOrder(simulator, { notify_url: endpoint.url });
    assert.equal((await turn("/pay")).json.outTradeNo, second.outTradeNo);
    const words = { code_url: first.codeUrl, openid: "oPayer", coupon_fen: 100 };
    assert.deepEqual((await turn("/pay", words)).json.openid, "oPayer");
    await turn("/idle");
    assert.equal(endpoint.received.length, 2);
    const again = await turn("/pay", { out_trade_no: first.outTradeNo });
    assert.deepEqual([again.status, again.json.reason], [409, "PAID"]);
    const { json } = await call(simulator, "GET", queryTarget(simulator, first.outTradeNo));
    assert.equal(json.amount.payer_total, 9_800);
    const listed = (await get("/orders")).json;
    assert.deepEqual(
      listed.map((each: { trade_state: string }) => each.trade_state),
      ["SUCCESS", "SUCCESS"],
    );
  });

  it("scan, go to the cashier, leave and pay", async () => {
    const { outTradeNo } = await createOrder(simulator, { notify_url: endpoint.url });
    const words = { out_trade_no: outTradeNo, openid: "oPayer" };
    assert.equal((await turn("/scan", words)).json.totalFen, 9_900);
    await turn("/begin", words);
    assert.equal((await turn("/begin", { ...words, openid: "oOther" })).json.reason, "LOCKED");
    await turn("/cancel", words);
    assert.equal((await turn("/confirm", words)).json.reason, "LOCKED");
    await turn("/begin", words);
    assert.match((await turn("/confirm", words)).json.transactionId, /^4200/);
  });

  it("move the clock and run what is due on the way", async () => {
    endpoint.answer = () => 500;
    await createOrder(simulator, { notify_url: endpoint.url });
    await turn("/pay");
    const { json } = await turn("/clock", { advance_ms: 30_000 });
    assert.equal(json.now_ms, START_MS + 30_000);
    assert.equal(endpoint.received.length, 3);
    assert.equal((await turn("/clock", { set_ms: START_MS })).json.now, "2026-11-23T04:00:00.000Z");
    assert.equal((await turn("/clock", { set_ms: 1e18 })).status, 400);
    endpoint.answer = () => 204;
  });

  it("plan faults of answers, callbacks and bills, and clear them", async () => {
    const { outTradeNo } = await createOrder(simulator, { notify_url: endpoint.url });
    await turn("/faults", { kind: "system-error", path: "/v3/pay/", times: 2 });
    assert.equal((await call(simulator, "GET", queryTarget(simulator, outTradeNo))).status, 500);
    await turn("/faults/clear");
    assert.equal((await call(simulator, "GET", queryTarget(simulator, outTradeNo))).status, 200);
    await turn("/callback-faults", { fault: "drop" });
    await turn("/callback-faults", { fault: "corrupt", layer: "tag", chance: 1 });
    await turn("/pay");
    await turn("/clock", { advance_ms: 15_000 });
    const entries = (await get("/journal?limit=3")).json.filter(
      (each: { kind: string }) => each.kind === "callback",
    );
    assert.deepEqual(
      entries.map((each: { twists: string[] }) => each.twists),
      [["drop"], ["corrupt:tag"]],
    );
    assert.match(entries[0].body, /^\{"id":"EV-/);
    assert.equal((await turn("/bill-faults", { fault: "truncated" })).status, 200);
  });

  it("script refunds, set the balance and settings, turn keys and force states", async () => {
    const { outTradeNo } = await createOrder(simulator, { notify_url: endpoint.url });
    await turn("/pay");
    await turn("/refunds/script", { outcome: "ABNORMAL" });
    await turn("/balance", { fen: 1_000_000 });
    assert.equal(simulator.balance.fen(), 1_000_000n);
    const amount = { refund: 1, total: 9_900, currency: "CNY" };
    await call(simulator, "POST", REFUNDS, { out_trade_no: outTradeNo, out_refund_no: "R1", amount });
    await turn("/idle");
    assert.equal((await get("/refunds")).json[0].status, "ABNORMAL");
    assert.equal((await turn("/settings", { refundSpacing: false })).json.refundSpacing, false);
    const { publicKeyId } = simulator.merchant;
    assert.deepEqual((await turn("/keys", { mode: "public-key" })).json.signing, [publicKeyId]);
    await turn("/order-state", { out_trade_no: outTradeNo, state: "REVOKED" });
    assert.equal(await stateOf(simulator, outTradeNo), "REVOKED");
    await turn("/reset");
    assert.deepEqual((await get("/orders")).json, []);
  });

  it("tell what a wrong word should be, and change nothing", async () => {
    for (const [path, words] of [
      ["/faults", {}],
      ["/faults", { kind: "earthquake" }],
      ["/faults", { kind: "redirect" }],
      ["/faults", { kind: "delay", ms: "long" }],
      ["/callback-faults", { fault: "explode" }],
      ["/callback-faults", { fault: "corrupt", layer: "soul" }],
      ["/bill-faults", { fault: "x" }],
      ["/refunds/script", { outcome: "MAYBE" }],
      ["/balance", { fen: 0.5 }],
      ["/settings", { closeUnknown: "perhaps" }],
      ["/settings", { unheardOf: true }],
      ["/keys", { mode: "none" }],
      ["/order-state", { out_trade_no: "x", state: "GONE" }],
      ["/invoke", { package: 1 }],
      ["/pay", null],
    ] as const) {
      const { status, json } = await turn(path, words);
      assert.equal(status, 400, `${path} ${JSON.stringify(words)}`);
      assert.ok(json.error.length > 0);
    }
    const unknown = await turn("/unheard-of");
    assert.equal(unknown.status, 404);
    assert.ok(unknown.json.knobs.includes("POST /pay"));
    assert.ok((await get("")).json.knobs.includes("GET /journal"));
  });

  it("tell the merchant's public facts but no secret, and nothing to pages of a browser", async () => {
    const response = await fetch(`${simulator.url}/_simulator/merchant`);
    const text = await response.text();
    assert.ok(text.includes(simulator.merchant.publicKeyId));
    assert.ok(!text.includes("PRIVATE KEY") && !text.includes(simulator.merchant.apiV3Key));
    assert.equal((await turn("/pay", {}, { Origin: "https://evil.example" })).status, 403);
  });
});
