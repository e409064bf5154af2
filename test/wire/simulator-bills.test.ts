import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { startSimulator, type BillFault, type Simulator } from "../../src/simulator/index.ts";
import { call, createOrder, REFUNDS, type Reply } from "../support/wechat-merchant.ts";

const NOON_MS = Date.parse("2026-11-23T12:00:00+08:00");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DAY = "2026-11-23";

/** A bill as it reads for somebody who knows no more than its format. */
interface Read {
  readonly columns: readonly string[];
  readonly rows: readonly Record<string, string>[];
  readonly summary: Record<string, string>;
}

function read(file: Buffer): Read {
  const lines = file
    .toString()
    .replace(/^\uFEFF/, "")
    .split("\r\n")
    .slice(0, -1);
  const cells = (line = ""): string[] => line.slice(1).split(",`");
  const columns = (lines[0] ?? "").split(",");
  const totals = (lines.at(-2) ?? "").split(",");
  const named = (names: readonly string[], values: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""]));
  return {
    columns,
    rows: lines.slice(1, -2).map((line) => named(columns, cells(line))),
    summary: named(totals, cells(lines.at(-1))),
  };
}

describe("the simulator's bills", () => {
  let simulator: Simulator;

  before(async () => {
    simulator = await startSimulator({ seed: 1, startTimeMs: NOON_MS, merchants: [{}, {}] });
  });
  after(() => simulator.close());
  beforeEach(() => {
    simulator.reset();
    simulator.clock.freeze();
    simulator.clock.set(NOON_MS);
    simulator.faults.callbacks.drop({ chance: 1 });
    simulator.refunds.script("default", "SUCCESS", HOUR_MS);
  });

  const pay = async (fen: number, more: Record<string, unknown> = {}): Promise<string> => {
    const order = await createOrder(simulator, { amount: { total: fen, currency: "CNY" }, ...more });
    simulator.user.pay(order.codeUrl, { openid: "oPayer" });
    return order.outTradeNo;
  };
  const refund = async (outTradeNo: string, fen: number, total: number): Promise<Reply> => {
    const amount = { refund: fen, total, currency: "CNY" };
    return call(simulator, "POST", REFUNDS, {
      out_trade_no: outTradeNo,
      out_refund_no: `R${outTradeNo}`,
      amount,
    });
  };
  const apply = (query = "", day = DAY): Promise<Reply> =>
    call(simulator, "GET", `/v3/bill/tradebill?bill_date=${day}${query}`);
  const download = (applied: Reply): Promise<Reply> => {
    const { pathname, search } = new URL(applied.json.download_url);
    return call(simulator, "GET", pathname + search);
  };
  const refused = (reply: Reply): unknown[] => [reply.status, reply.json.code];
  const sha1 = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");
  const tomorrowTen = NOON_MS + 22 * HOUR_MS;
  const waitForBill = (): void => simulator.clock.set(tomorrowTen);

  it("can be had from ten o'clock of the next day in Beijing, and not a moment sooner", async () => {
    await pay(9_900);
    assert.deepEqual(refused(await apply()), [400, "STATEMENT_CREATING"]);
    simulator.clock.set(tomorrowTen - 1);
    assert.deepEqual(refused(await apply()), [400, "STATEMENT_CREATING"]);
    simulator.clock.set(tomorrowTen);
    assert.equal((await apply()).status, 200);
  });

  it("don't exist for idle days, answered by 400 or by 404", async () => {
    assert.deepEqual(refused(await apply("", "2026-11-20")), [400, "NO_STATEMENT_EXIST"]);
    simulator.settings.noStatementStatus = 404;
    assert.deepEqual(refused(await apply("", "2026-11-20")), [404, "NO_STATEMENT_EXIST"]);
    const other = { bill_type: "SUCCESS", bill_date: "2026-11-20" };
    const target = `/v3/bill/tradebill?${new URLSearchParams(other).toString()}`;
    assert.deepEqual(refused(await call(simulator, "GET", target)), [404, "NO_STATEMENT_EXIST"]);
  });

  it("are refused for the future, for more than three months ago, and for no date at all", async () => {
    assert.deepEqual(refused(await apply("", "2026-11-24")), [400, "INVALID_REQUEST"]);
    assert.deepEqual(refused(await apply("", "2026-08-22")), [400, "INVALID_REQUEST"]);
    assert.deepEqual(refused(await apply("", "2026-08-23")), [400, "NO_STATEMENT_EXIST"]);
    for (const day of ["20261123", "2026-02-30", "yesterday", ""]) {
      assert.deepEqual(refused(await apply("", day)), [400, "PARAM_ERROR"], day);
    }
    for (const query of ["&bill_type=SOME", "&tar_type=ZIP"]) {
      assert.deepEqual(refused(await apply(query, "2026-11-20")), [400, "PARAM_ERROR"], query);
    }
  });

  it("cut days at midnight in Beijing", async () => {
    simulator.clock.set(Date.parse("2026-11-23T23:59:59.999+08:00"));
    const late = await pay(100);
    simulator.clock.set(Date.parse("2026-11-24T00:00:00+08:00"));
    const early = await pay(200);
    simulator.clock.set(NOON_MS + 3 * DAY_MS);
    const numbers = async (day: string): Promise<string[]> =>
      read((await download(await apply("", day))).raw).rows.map((row) => row["商户订单号"] ?? "");
    assert.deepEqual(await numbers("2026-11-23"), [late]);
    assert.deepEqual(await numbers("2026-11-24"), [early]);
  });

  it("have the exact columns of each kind, back-ticks, a byte order mark and CR LF to the end", async () => {
    const number = await pay(9_900, {
      attach: "plan=monthly",
      scene_info: { payer_client_ip: "1.2.3.4", device_id: "D1" },
    });
    await refund(number, 1_000, 9_900);
    waitForBill();
    const widths: Record<string, number> = {
      "": 27,
      "&bill_type=ALL": 27,
      "&bill_type=SUCCESS": 20,
      "&bill_type=REFUND": 29,
    };
    for (const [query, width] of Object.entries(widths)) {
      const { raw, headers } = await download(await apply(query));
      assert.equal(headers["content-type"], "text/plain");
      assert.deepEqual([...raw.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
      const text = raw.toString();
      assert.ok(text.endsWith("\r\n"));
      assert.equal(text.split("\n").length, text.split("\r\n").length);
      const { columns, rows } = read(raw);
      assert.equal(columns.length, width, query);
      assert.ok(rows.length > 0 && rows.every((row) => row["商户号"] === simulator.merchant.mchid));
    }
  });

  it("list payments by success and refunds by acceptance, with fees of 0.6 % in five decimals", async () => {
    const number = await pay(9_900, { description: "会员一个月", attach: "plan=monthly" });
    await simulator.clock.advance(HOUR_MS);
    const { json } = await refund(number, 1_000, 9_900);
    waitForBill();
    const { rows, summary } = read((await download(await apply())).raw);
    const [payment, back] = rows;
    assert.ok(payment && back && rows.length === 2);
    const { appid, mchid } = simulator.merchant;
    const { transactionId } = { transactionId: simulator.orders.find(number)?.payment?.transactionId };
    assert.deepEqual(Object.values(payment), [
      "2026-11-23 12:00:00",
      appid,
      mchid,
      "0",
      "",
      transactionId,
      number,
      "oPayer",
      "NATIVE",
      "SUCCESS",
      "OTHERS",
      "CNY",
      "99.00",
      "0.00",
      "0",
      "0",
      "0.00",
      "0.00",
      "",
      "",
      "会员一个月",
      "plan=monthly",
      "0.59000",
      "0.60%",
      "99.00",
      "0.00",
      "",
    ]);
    assert.deepEqual(Object.values(back), [
      "2026-11-23 13:00:00",
      appid,
      mchid,
      "0",
      "",
      transactionId,
      number,
      "oPayer",
      "NATIVE",
      "REFUND",
      "OTHERS",
      "CNY",
      "0.00",
      "0.00",
      json.refund_id,
      `R${number}`,
      "10.00",
      "0.00",
      "ORIGINAL",
      "SUCCESS",
      "会员一个月",
      "plan=monthly",
      "-0.06000",
      "0.60%",
      "0.00",
      "10.00",
      "",
    ]);
    assert.deepEqual(summary, {
      总交易单数: "2.0",
      应结订单总金额: "99.0",
      退款总金额: "10.0",
      充值券退款总金额: "0.0",
      手续费总金额: "0.53",
      订单总金额: "99.0",
      申请退款总金额: "10.0",
    });
    simulator.settings.summaryNumbers = "plain";
    const plain = read((await download(await apply())).raw).summary;
    assert.deepEqual([plain["总交易单数"], plain["手续费总金额"]], ["2", "0.53000"]);
  });

  it("show a refund as it stood when the bill was made, also later", async () => {
    simulator.refunds.script("default", "SUCCESS", 3 * DAY_MS);
    const number = await pay(9_900);
    await refund(number, 1_000, 9_900);
    await simulator.clock.advance(5 * DAY_MS);
    const [back] = read((await download(await apply("&bill_type=REFUND"))).raw).rows;
    assert.deepEqual([back?.["退款状态"], back?.["退款成功时间"]], ["PROCESSING", ""]);
    const status = await call(simulator, "GET", `${REFUNDS}/R${number}`);
    assert.equal(status.json.status, "SUCCESS");
  });

  it("of funds list income and spending with a balance that adds up", async () => {
    simulator.balance.setFen(50_000n);
    const number = await pay(9_900);
    await refund(number, 1_000, 9_900);
    waitForBill();
    const applied = await call(simulator, "GET", `/v3/bill/fundflowbill?bill_date=${DAY}`);
    const { columns, rows, summary } = read((await download(applied)).raw);
    assert.equal(columns.length, 11);
    const moved = rows.map((row) => [
      row["业务名称"],
      row["收支类型"],
      row["收支金额(元)"],
      row["账户结余(元)"],
    ]);
    assert.deepEqual(moved, [
      ["充值", "收入", "500.00", "500.00"],
      ["交易", "收入", "99.00", "599.00"],
      ["扣除交易手续费", "支出", "0.59", "598.41"],
      ["退款", "支出", "9.94", "588.47"],
    ]);
    assert.deepEqual(Object.values(summary), ["4.0", "2.0", "599.0", "2.0", "10.53"]);
    for (const account of ["OPERATION", "FEES"]) {
      const target = `/v3/bill/fundflowbill?bill_date=${DAY}&account_type=${account}`;
      assert.deepEqual(refused(await call(simulator, "GET", target)), [400, "NO_STATEMENT_EXIST"]);
    }
  });

  it("are hashed before they are compressed, and downloaded unsigned", async () => {
    await pay(9_900);
    waitForBill();
    const plain = await apply();
    const { raw, headers } = await download(plain);
    assert.deepEqual([plain.json.hash_type, plain.json.hash_value], ["SHA1", sha1(raw)]);
    assert.ok(plain.headers["wechatpay-signature"]);
    assert.equal(headers["wechatpay-signature"], undefined);
    assert.equal(new URL(plain.json.download_url).origin, "https://api.mch.weixin.qq.com");
    const packed = await apply("&tar_type=GZIP");
    const file = await download(packed);
    assert.equal(file.headers["content-type"], "application/x-gzip");
    assert.deepEqual(gunzipSync(file.raw), raw);
    assert.equal(packed.json.hash_value, sha1(raw));
    simulator.settings.downloadHost = "simulator";
    assert.equal(new URL((await apply()).json.download_url).origin, simulator.url);
  });

  it("are downloaded by the merchant who applied, signed, within five minutes", async () => {
    const [, second] = simulator.merchants;
    assert.ok(second);
    await pay(9_900);
    waitForBill();
    const applied = await apply();
    const { pathname, search } = new URL(applied.json.download_url);
    const foreign = await call(simulator, "GET", pathname + search, undefined, { facts: second });
    assert.deepEqual(refused(foreign), [403, "NO_AUTH"]);
    const unsigned = await fetch(simulator.url + pathname + search, {
      headers: { Accept: "application/json" },
    });
    assert.equal(unsigned.status, 401);
    await simulator.clock.advance(5 * 60_000 - 1);
    assert.equal((await download(applied)).status, 200);
    await simulator.clock.advance(1);
    assert.deepEqual(refused(await download(applied)), [400, "INVALID_REQUEST"]);
    const made = await call(simulator, "GET", "/v3/billdownload/file?token=abc");
    assert.deepEqual(refused(made), [400, "INVALID_REQUEST"]);
  });

  it("hold no other merchant's orders", async () => {
    await pay(9_900);
    waitForBill();
    const [, second] = simulator.merchants;
    assert.ok(second);
    const target = `/v3/bill/tradebill?bill_date=${DAY}`;
    const reply = await call(simulator, "GET", target, undefined, { facts: second });
    assert.deepEqual(refused(reply), [400, "NO_STATEMENT_EXIST"]);
  });

  describe("that are wrong", () => {
    beforeEach(async () => {
      await pay(9_900);
      await pay(100);
      waitForBill();
    });

    const spoilt = async (fault: BillFault, query = ""): Promise<{ hash: string; raw: Buffer }> => {
      simulator.bills.corrupt(fault);
      const applied = await apply(query);
      return { hash: applied.json.hash_value, raw: (await download(applied)).raw };
    };

    it("have a hash that doesn't fit when they are cut or altered or it is wrong, once each", async () => {
      const whole = (await download(await apply())).raw;
      for (const fault of ["truncated", "flipped-byte", "wrong-hash"] as const) {
        const { hash, raw } = await spoilt(fault);
        assert.notEqual(sha1(raw), hash, fault);
        assert.equal(raw.equals(whole), fault === "wrong-hash", fault);
      }
      assert.deepEqual((await download(await apply())).raw, whole);
    });

    it("are hashed after compression, broken, followed by a tail, or a bomb", async () => {
      const query = "&tar_type=GZIP";
      const packed = await spoilt("hash-of-compressed", query);
      assert.equal(sha1(packed.raw), packed.hash);
      assert.notEqual(sha1(gunzipSync(packed.raw)), packed.hash);
      const broken = await spoilt("gzip-corrupt", query);
      assert.throws(() => gunzipSync(broken.raw));
      const tailed = await spoilt("gzip-trailing-data", query);
      assert.ok(tailed.raw.toString("latin1").endsWith("trailing"));
      const bomb = await spoilt("zip-bomb", query);
      assert.ok(bomb.raw.length < 1024 * 1024);
      assert.throws(
        () => gunzipSync(bomb.raw, { maxOutputLength: 64 * 1024 * 1024 }),
        /Cannot create a Buffer/,
      );
    });

    it("have no summary, or one that doesn't add up, with a hash that fits", async () => {
      const bare = await spoilt("missing-summary");
      assert.equal(sha1(bare.raw), bare.hash);
      assert.ok(!bare.raw.toString().includes("总交易单数"));
      const wrong = await spoilt("summary-wrong");
      assert.equal(sha1(wrong.raw), wrong.hash);
      const { rows, summary } = read(wrong.raw);
      assert.equal(rows.length, 2);
      assert.deepEqual([summary["总交易单数"], summary["订单总金额"]], ["3.0", "101.0"]);
    });

    it("have a row more, a row less or another amount, with a summary and a hash that fit", async () => {
      const counts: number[] = [];
      for (const fault of ["extra-row", "missing-row", "changed-amount"] as const) {
        const { hash, raw } = await spoilt(fault);
        assert.equal(sha1(raw), hash);
        const { rows, summary } = read(raw);
        counts.push(rows.length);
        const fen = rows.reduce((sum, row) => sum + Math.round(Number(row["订单金额"]) * 100), 0);
        assert.equal(Math.round(Number(summary["订单总金额"]) * 100), fen, fault);
        assert.equal(summary["总交易单数"], `${rows.length}.0`);
        if (fault === "changed-amount") assert.equal(fen, 10_001);
      }
      assert.deepEqual(counts, [3, 1, 2]);
    });

    it("have the old layout, a column more, two columns changed, or a comma in a name", async () => {
      const old = read((await spoilt("old-layout")).raw);
      assert.equal(old.columns.length, 24);
      assert.ok(old.columns.includes("总金额") && old.columns.includes("企业红包金额"));
      assert.ok(!old.columns.includes("订单金额"));
      assert.equal(old.rows[0]?.["总金额"], "99.00");
      const wide = read((await spoilt("unknown-column")).raw);
      assert.deepEqual([wide.columns.length, wide.columns.at(-1)], [28, "新字段"]);
      const moved = read((await spoilt("reordered-columns")).raw);
      assert.deepEqual(moved.columns.slice(0, 2), ["公众账号ID", "交易时间"]);
      assert.equal(moved.rows[0]?.["公众账号ID"], simulator.merchant.appid);
      const cells = async (fault: BillFault, separator: string): Promise<number> =>
        ((await spoilt(fault)).raw.toString().split("\r\n")[1] ?? "").split(separator).length;
      assert.equal(await cells("comma-in-name", ","), 28);
      assert.equal(await cells("comma-in-name", ",`"), 27);
      assert.equal(await cells("separator-in-name", ",`"), 28);
    });

    it("only look odd: no byte order mark, LF, no last line end; the hash fits", async () => {
      for (const fault of ["no-byte-order-mark", "lf", "no-final-newline"] as const) {
        const { hash, raw } = await spoilt(fault);
        assert.equal(sha1(raw), hash, fault);
        const text = raw.toString();
        if (fault === "no-byte-order-mark") assert.ok(text.startsWith("交易时间"));
        if (fault === "lf") assert.ok(!text.includes("\r"));
        if (fault === "no-final-newline") assert.ok(!text.endsWith("\n"));
      }
    });
  });
});
