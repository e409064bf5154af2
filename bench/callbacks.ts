/**
 * `--callbacks`: how many callbacks of WeChat Pay a server takes, each kept durably before it is answered, and
 * turned into a membership and quota. They are signed in advance: WeChat Pay's own work isn't measured.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createIdSource, type OrderId, type PlanId, type UserId } from "../src/billing/id.ts";
import { PAYABLE_MS, type Order, type Product } from "../src/billing/order/order.ts";
import { freePort } from "../src/local/port.ts";
import { buildEnvelope, signatureHeaders } from "../src/simulator/envelope.ts";
import { startSimulator, type Simulator } from "../src/simulator/index.ts";
import { FILES, writeKeys } from "../src/simulator/key-files.ts";
import { timeText } from "../src/store/cell.ts";
import { ORDERS, STEPS, orderCells, stepCells } from "../src/store/order-rows.ts";
import { createSealer } from "../src/store/sealing.ts";
import { insertSql } from "../src/store/sql.ts";
import { userIdOf } from "./books.ts";
import { startService } from "./contenders.ts";
import { Histogram } from "./histogram.ts";
import { checkBooks } from "./ledger.ts";
import { NAMES } from "./machine.ts";
import { cpuTimeUs, memoryOf } from "./process-usage.ts";
import { seedMembers } from "./seed-members.ts";
import { makeSchema } from "./seed.ts";
import type { Stage } from "./stage.ts";
import { markdownTable } from "./table.ts";

const SCHEMA = "callbacks";
/** Orders that wait for their payment, each of another user: more than a run gets through. */
const ORDERS_TOTAL = 12_000;
const ORDERS_PER_STATEMENT = 500;
/** WeChat Pay sends over many connections. */
const CONNECTIONS = 64;
const LEAST_PER_SECOND = 500;
const P99_MOST_MS = 1_000;
const PRICE_FEN = 9_900n;

interface Callback {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export async function callbacks(stage: Stage): Promise<string[]> {
  const { scene, say } = stage;
  const { database, options } = scene;
  const url = await makeSchema(database, SCHEMA);
  await seedMembers(database, SCHEMA, ORDERS_TOTAL, 1);
  const simulator = await startSimulator();
  try {
    const keys = sealingKeys();
    const orderIds = await seedOrders(stage, keys);
    const port = await freePort();
    const environment = await account(stage, simulator, port, keys);
    const server = await startService(stage, url, { environment });
    say(`callbacks: signing ${orderIds.length}`);
    const signed = orderIds.map((orderId, at) => sign(simulator, orderId, at));
    const done = await send(signed, port, options, [server.pid, database.pid]);
    await server.stop();
    await check(stage, done.accepted);
    return table(NAMES[database.flavour], done);
  } finally {
    await simulator.close();
  }
}

function sealingKeys() {
  return {
    keys: [{ id: "bench", key: randomBytes(32) }],
    activeKeyId: "bench",
    indexKey: randomBytes(32),
  };
}

/** Orders as they are when WeChat Pay has taken them and nobody has paid. */
async function seedOrders(
  { scene }: Stage,
  keys: ReturnType<typeof sealingKeys>,
): Promise<OrderId[]> {
  const { database } = scene;
  const ids = createIdSource(Math.random);
  const sealer = createSealer(keys);
  const nowMs = Date.now();
  const orders = Array.from({ length: ORDERS_TOTAL }, (_, at): Order => {
    const userId = userIdOf(at) as UserId;
    const orderId = ids.next("ord", nowMs, userId) as OrderId;
    return {
      ...DRAFT,
      orderId,
      userId,
      product: MONTH,
      createTimeMs: nowMs,
      expireTimeMs: nowMs + PAYABLE_MS,
      nextCheckMs: nowMs + PAYABLE_MS,
    };
  });
  await database.sql(SCHEMA, "set session sql_log_bin = 0");
  for (let at = 0; at < orders.length; at += ORDERS_PER_STATEMENT) {
    const some = orders.slice(at, at + ORDERS_PER_STATEMENT);
    await database.sql(
      SCHEMA,
      insertSql(
        ORDERS,
        some.map((order) => orderCells(order, sealer)),
      ),
    );
    const steps = some.flatMap(({ orderId, userId }) =>
      ["CREATED", "PENDING"].map((toState, index) =>
        stepCells({
          subjectId: orderId,
          userId,
          sequence: index + 1,
          fromState: index === 0 ? "" : "CREATED",
          toState,
          source: "CALL",
          actor: "bench",
          note: "",
          createTimeMs: nowMs,
        }),
      ),
    );
    await database.sql(SCHEMA, insertSql(STEPS, steps));
  }
  for (const name of ["orders", "order_steps"]) await database.sql(SCHEMA, `analyze table ${name}`);
  await database.sql(SCHEMA, "set session sql_log_bin = 1");
  return orders.map(({ orderId }) => orderId);
}

const MONTH: Product = {
  kind: "PLAN",
  plan: {
    planId: "membership-monthly" as PlanId,
    version: 1,
    displayName: "bench",
    priceFen: PRICE_FEN,
    periodMonths: 1,
    periodDays: 0,
    quotaAmount: 300n,
    quotaPriority: 50,
    rollover: "NONE",
    trial: false,
  },
};

const DRAFT = {
  quantity: 1,
  channel: "NATIVE",
  amountFen: PRICE_FEN,
  payerOpenid: null,
  clientIp: null,
  state: "PENDING",
  prepay: null,
  payTimeMs: null,
  closeTimeMs: null,
  paymentId: null,
  refundedFen: 0n,
  grantedAmount: 0n,
  revokedAmount: 0n,
  membershipStartMs: null,
  membershipEndMs: null,
  steps: 2,
  checks: 0,
} as const;

/** The merchant as an operator would configure it. */
async function account(
  { place }: Stage,
  simulator: Simulator,
  port: number,
  { keys, activeKeyId, indexKey }: ReturnType<typeof sealingKeys>,
): Promise<Record<string, string>> {
  const directory = join(place.directory, "wechat");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await writeKeys(directory, simulator);
  const { merchant, url } = simulator;
  const write = (name: string, content: object) => {
    const path = join(directory, name);
    writeFileSync(path, JSON.stringify(content), { mode: 0o600 });
    return path;
  };
  return {
    CALLBACK_PORT: String(port),
    WECHAT_FILE: write("account.json", {
      appid: merchant.appid,
      mchid: merchant.mchid,
      merchant_serial: merchant.serial,
      merchant_private_key_file: FILES.privateKey,
      api_v3_key_file: FILES.apiV3Key,
      public_key_id: merchant.publicKeyId,
      public_key_file: FILES.publicKey,
      certificates: false,
      notify_url: `http://127.0.0.1:${port}/wechat/notify`,
      base_urls: [url],
    }),
    SEALING_KEYS_FILE: write("sealing.json", {
      active: activeKeyId,
      index_key: indexKey.toString("base64"),
      keys: keys.map(({ id, key }) => ({ id, key: key.toString("base64") })),
    }),
  };
}

function sign({ merchant, keys }: Simulator, orderId: OrderId, at: number): Callback {
  const nowMs = Date.now();
  const trade = {
    appid: merchant.appid,
    mchid: merchant.mchid,
    out_trade_no: orderId,
    transaction_id: `42000000012026${String(at).padStart(14, "0")}`,
    trade_type: "NATIVE",
    trade_state: "SUCCESS",
    trade_state_desc: "支付成功",
    bank_type: "OTHERS",
    attach: "",
    success_time: `${timeText(nowMs).slice(0, 19).replace(" ", "T")}+00:00`,
    payer: { openid: `o-${at}` },
    amount: {
      total: Number(PRICE_FEN),
      payer_total: Number(PRICE_FEN),
      currency: "CNY",
      payer_currency: "CNY",
    },
  };
  const body = buildEnvelope({
    id: `EV-${at}`,
    createMs: nowMs,
    eventType: "TRANSACTION.SUCCESS",
    originalType: "transaction",
    summary: "支付成功",
    plaintext: JSON.stringify(trade),
    apiV3Key: merchant.apiV3Key,
    nonce: randomBytes(6).toString("hex"),
  });
  const key = keys.signing().find(({ id }) => id === merchant.publicKeyId)!;
  const headers = signatureHeaders(key, body, nowMs, randomBytes(16).toString("hex"));
  return { headers: { "Content-Type": "application/json", ...headers }, body };
}

interface Done {
  readonly accepted: number;
  readonly perSecond: number;
  readonly latency: Histogram;
  readonly serverUs: number;
  readonly databaseUs: number;
  readonly peakMib: number;
}

/** A closed loop: each connection sends the next callback when its last one is answered. */
async function send(
  waiting: readonly Callback[],
  port: number,
  { warmUpMs, measureMs }: Stage["scene"]["options"],
  [serverPid, databasePid]: readonly [number, number],
): Promise<Done> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const latency = new Histogram();
  const usage = () => [cpuTimeUs(serverPid), cpuTimeUs(databasePid)] as const;
  let next = 0;
  let accepted = 0;
  let measured = 0;
  let before = usage();
  let startMs = Infinity;
  const beginMs = performance.now() + warmUpMs;
  const endMs = beginMs + measureMs;
  const worker = async () => {
    while (next < waiting.length && performance.now() < endMs) {
      const callback = waiting[next++]!;
      const sentMs = performance.now();
      if (sentMs >= beginMs && startMs === Infinity) [startMs, before] = [sentMs, usage()];
      const status = await post(agent, port, callback);
      if (status !== 200 && status !== 204) throw new Error(`a callback was answered ${status}`);
      accepted += 1;
      if (sentMs < startMs) continue;
      measured += 1;
      latency.add((performance.now() - sentMs) * 1_000);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const tookMs = performance.now() - startMs;
  const after = usage();
  agent.destroy();
  return {
    accepted,
    perSecond: (measured / tookMs) * 1_000,
    latency,
    serverUs: (after[0] - before[0]) / measured,
    databaseUs: (after[1] - before[1]) / measured,
    peakMib: memoryOf(serverPid).peakKib / 1_024,
  };
}

function post(agent: Agent, port: number, { headers, body }: Callback): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      agent,
      port,
      host: "127.0.0.1",
      path: "/wechat/notify",
      method: "POST",
      headers: { ...headers, "Content-Length": body.length },
    };
    const sent = request(options, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** Every callback that was acknowledged is in the books, once. @throws Error that says what differs */
async function check({ scene }: Stage, accepted: number): Promise<void> {
  const { database } = scene;
  await checkBooks(database, SCHEMA);
  const [row] = await database.sql(
    SCHEMA,
    `select (select count(*) from payment_inbox where state = 'SETTLED') as settled,
      (select count(*) from payments where disposition = 'GRANTED') as granted,
      (select count(*) from orders where state = 'PAID') as paid,
      (select count(*) from quota_grants where source_kind = 'ORDER') as lots`,
  );
  for (const name of ["settled", "granted", "paid", "lots"]) {
    const found = Number(row![name]);
    if (found !== accepted)
      throw new Error(`${accepted} callbacks were acknowledged, and ${found} are ${name}`);
  }
}

function table(database: string, done: Done): string[] {
  const p99Ms = done.latency.quantileUs(0.99) / 1_000;
  const isReached = done.perSecond >= LEAST_PER_SECOND && p99Ms < P99_MOST_MS;
  return markdownTable(
    [
      "database",
      "callbacks per second",
      "p50 ms",
      "p99 ms",
      "server µs/op",
      "database µs/op",
      "peak MiB",
      "verdict",
    ],
    [
      [
        database,
        done.perSecond.toFixed(0),
        (done.latency.quantileUs(0.5) / 1_000).toFixed(1),
        p99Ms.toFixed(1),
        done.serverUs.toFixed(0),
        done.databaseUs.toFixed(0),
        done.peakMib.toFixed(0),
        `${isReached ? "reached" : "missed"} (≥ ${LEAST_PER_SECOND}, p99 < ${P99_MOST_MS} ms)`,
      ],
    ],
  );
}
