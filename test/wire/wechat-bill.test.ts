/** Bills: how they come, what of them is refused, and what their lines say. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { GatewayFault } from "../../src/billing/order/gateway.ts";
import { shanghaiDay } from "../../src/billing/calendar.ts";
import { BILL_FAULTS, startSimulator, type Simulator } from "../../src/simulator/index.ts";
import { BillFault, parseDecimal } from "../../src/wechat/bill-table.ts";
import { unpack, type BillAnswer } from "../../src/wechat/bill-download.ts";
import { parseFundFlowBill } from "../../src/wechat/fund-flow-bill.ts";
import { createGateway, type WechatGateway } from "../../src/wechat/gateway.ts";
import { parseTradeBill } from "../../src/wechat/trade-bill.ts";
import { keepingLog } from "../support/service.ts";
import { KNOWN, startFakeWechat, told, wechatOptions, type Told } from "../support/wechat.ts";

const VECTOR = KNOWN.vectors["tradebill-all-fixture"];
const FIXTURE = Buffer.from(VECTOR.input.content_base64, "base64");
const TEXT = FIXTURE.toString().replace("\uFEFF", "");
const LINES = TEXT.split("\r\n").slice(0, -1);
const sha1 = (bytes: Buffer | string) => createHash("sha1").update(bytes).digest("hex");
const parse = (text: string) => parseTradeBill(Buffer.from(text));
const joined = (lines: readonly string[]) => `${lines.join("\r\n")}\r\n`;

describe("the trade bill", () => {
  it("WeChat Pay's sample is read to the last line, and adds up", () => {
    const { rows, totals } = parseTradeBill(FIXTURE);
    assert.equal(rows.length, 45);
    const states = Map.groupBy(rows, ({ tradeState }) => tradeState);
    assert.equal(states.get("SUCCESS")?.length, VECTOR.expected.rows_trade_state.SUCCESS);
    assert.equal(states.get("REFUND")?.length, VECTOR.expected.rows_trade_state.REFUND);
    assert.deepEqual(totals, {
      orderFen: 47n,
      settlementFen: 47n,
      refundFen: 14n,
      requestedRefundFen: 14n,
      feeMicroYuan: 80_000n,
    });
    const refund = rows.find((row) => row.refund !== null);
    assert.equal(refund?.outTradeNo, "autotest_20190216081946_82335");
    assert.equal(refund.timeMs, Date.parse("2019-02-19T05:01:46+08:00"));
    assert.deepEqual(refund.refund, {
      refundId: "50000709672019011908420787722",
      outRefundNo: "REF4200000263201902167700963919",
      requestedFen: 1n,
      refundFen: 1n,
      couponFen: 0n,
      type: "ORIGINAL",
      status: "SUCCESS",
    });
  });

  it("marks, line ends and places of columns don't matter", () => {
    const expected = parse(TEXT);
    const swapped = LINES.map((line, at) => {
      if (at > 45) return line;
      const [first = "", second = "", ...rest] = line.split(",");
      return [second, first, ...rest].join(",");
    });
    const added = LINES.map((line, at) => (at > 45 ? line : at === 0 ? `${line},新字段` : `${line},\`x`));
    const texts = [`\uFEFF${TEXT}`, TEXT.replaceAll("\r\n", "\n"), TEXT.slice(0, -2)];
    for (const text of [...texts, joined(swapped), joined(added)]) {
      assert.deepEqual(parse(text), expected);
    }
  });

  it("a day without payments, and sums as they are printed one way or another", () => {
    const summary = (values: string) => joined([LINES[0]!, LINES[46]!, values]);
    for (const values of ["`0,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00", "`0.0,`0.0,`0,`0.0,`0.0,`0.0,`0.0"]) {
      assert.deepEqual(parse(summary(values)).rows, []);
    }
    const plain = [...LINES];
    plain[47] = "`45,`0.47000,`0.14,`0.00,`0.08000,`0.470,`0.14";
    assert.equal(parse(joined(plain)).rows.length, 45);
  });

  it("fees that are finer than their sum is printed are rounded before they're compared", () => {
    const fees = [...LINES];
    const last = fees[1]!.split(",");
    assert.equal(last[22], "`0.00000");
    last[22] = "`0.00400";
    fees[1] = last.join(",");
    assert.equal(parse(joined(fees)).totals.feeMicroYuan, 84_000n);
    last[22] = "`0.00500";
    fees[1] = last.join(",");
    assert.throws(() => parse(joined(fees)), /手续费总金额/);
  });

  it("the layout of old is read by its names", () => {
    const old = (line: string) =>
      line
        .replace("应结订单金额", "总金额")
        .replace("代金券金额", "企业红包金额")
        .replace("充值券退款金额", "企业红包退款金额");
    const cut = LINES.map((line, at) => {
      if (at < 46) return old(line).split(",").slice(0, -3).join(",");
      if (at === 46) return "总交易单数,总交易额,总退款金额,总企业红包退款金额,手续费总金额";
      return line.split(",").slice(0, 5).join(",");
    });
    const bill = parse(joined(cut));
    assert.equal(bill.totals.orderFen, 47n);
    assert.equal(bill.totals.requestedRefundFen, 14n);
  });

  it("what is not understood is refused, with its line", () => {
    const changed = (line: number, change: (text: string) => string) => {
      const lines = [...LINES];
      lines[line - 1] = change(lines[line - 1]!);
      return joined(lines);
    };
    const refused: readonly (readonly [string, number | undefined])[] = [
      ["", 1],
      [joined(LINES.slice(0, -1)), 48],
      [joined(LINES.slice(0, -2)), 47],
      [joined(LINES.slice(0, 20)), 21],
      [joined([...LINES, "`1"]), 49],
      [joined([...LINES.slice(0, 46), ...LINES]), undefined],
      [changed(5, (line) => `${line},\`more`), 5],
      [changed(5, (line) => line.replace(",`", ",")), 5],
      [changed(7, (line) => line.replace("2019-02-19", "2019-02-30")), 7],
      [changed(7, (line) => line.replace("2019-02-19 ", "2019-02-19T")), 7],
      [changed(9, (line) => line.replace(/`0\.0[01],/, "`0.001,")), 9],
      [changed(9, (line) => line.replace(/`0\.0[01],/, "`1e3,")), 9],
      [changed(2, (line) => line.replace("`REFUND", "`SUCCESS")), 2],
      [changed(1, (line) => line.replace("商户订单号", "别的")), 2],
      [changed(1, (line) => line.replace("设备号", "商户号")), 1],
      [changed(48, (line) => line.replace("45.0", "44")), 48],
      [changed(48, (line) => line.replace("45.0", "45.5")), 48],
      [changed(48, (line) => line.replace("0.47", "0.48")), 48],
      [changed(48, (line) => line.replace("0.14", "0.13")), 48],
      [joined([LINES[0]!, ...LINES.slice(2)]), 47],
      [joined([...LINES.slice(0, 2), ...LINES.slice(1)]), 49],
    ];
    for (const [at, [text, line]] of refused.entries()) {
      assert.throws(
        () => parse(text),
        (error) => error instanceof BillFault && (line === undefined || error.line === line),
        `case ${at}`,
      );
    }
    assert.throws(() => parseTradeBill(Buffer.from([0xff, 0xfe, 0x41])), BillFault);
  });

  it("a comma in a name stays in it; a comma before a back-tick takes the line apart and is refused", () => {
    const lines = [...LINES];
    const name = parse(TEXT).rows[0]!.description;
    lines[1] = lines[1]!.replace(name, `${name},2`);
    assert.equal(parse(joined(lines)).rows[0]!.description, `${name},2`);
    lines[1] = lines[1].replace(`${name},2`, `${name},\`2`);
    assert.throws(() => parse(joined(lines)), /line 2: 28 values for 27 columns/);
  });

  it("decimals are exact, whatever their size", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 15n) + 1n, max: 10n ** 15n - 1n }), (fen) => {
        const digits = (fen < 0n ? -fen : fen).toString().padStart(3, "0");
        const text = `${fen < 0n ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
        assert.equal(parseDecimal(text, 2), fen);
        assert.equal(parseDecimal(`${text}000`, 2), fen);
        assert.equal(parseDecimal(`${text}001`, 2), undefined);
        assert.equal(parseDecimal(text, 6), fen * 10_000n);
      }),
    );
    for (const text of ["", ".5", "5.", "1,000.00", "+1", "0x1", "１", " 1", "1e3", "NaN", "--1"]) {
      assert.equal(parseDecimal(text, 2), undefined);
    }
  });
});

describe("the fund-flow bill", () => {
  const text = joined([
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号",
    "`2026-11-22 10:00:00,`4200001,`9001,`交易,`交易,`收入,`99.00,`99.00,`system,`结算总金额 99.00 元;含手续费 0.60 元,`",
    "`2026-11-22 10:00:00,`4200001,`9002,`扣除交易手续费,`扣除交易手续费,`支出,`0.60,`98.40,`system,`,`",
    "`2026-11-22 11:00:00,`5000001,`9003,`退款,`退款,`支出,`9.00,`89.40,`1900000109API,`,`ref_0001",
    "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额",
    "`3.0,`1.0,`99.0,`2.0,`9.6",
  ]);
  const parseFund = (one: string) => parseFundFlowBill(Buffer.from(one));

  it("every movement is read, and adds up", () => {
    const { rows, totals } = parseFund(text);
    assert.deepEqual(totals, { inCount: 1, inFen: 9_900n, outCount: 2, outFen: 960n });
    assert.deepEqual(rows.map(({ direction, amountFen, voucher }) => [direction, amountFen, voucher]), [
      ["IN", 9_900n, ""],
      ["OUT", 60n, ""],
      ["OUT", 900n, "ref_0001"],
    ]);
    assert.equal(rows[2]?.balanceFen, 8_940n);
  });

  it("what doesn't add up or isn't understood is refused", () => {
    for (const [from, to] of [
      ["`99.0,`2.0", "`98.0,`2.0"],
      ["`3.0,", "`4.0,"],
      ["`1.0,`99", "`2.0,`99"],
      ["`9.6", "`9.7"],
      ["`支出,`9.00", "`别的,`9.00"],
      ["`支出,`9.00", "`支出,`-9.00"],
      ["`支出,`9.00", "`支出,`9.005"],
      ["收支类型", "类型"],
    ] as const) {
      const changed = text.replace(from, to);
      assert.notEqual(changed, text);
      assert.throws(() => parseFund(changed), BillFault);
    }
  });
});

describe("downloads of bills", () => {
  const link = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=abc%2F1&tartype=gzip";
  const packed = gzipSync(FIXTURE);
  const applied = (hash = sha1(FIXTURE), url = link) =>
    told({ hash_type: "SHA1", hash_value: hash, download_url: url });
  const isFault = (kind: GatewayFault["kind"]) => (error: unknown) =>
    error instanceof GatewayFault && error.kind === kind;

  async function withBill<T>(
    tells: { readonly apply: Told; readonly file?: Told },
    work: (gateway: WechatGateway, targets: () => string[]) => Promise<T>,
  ): Promise<T> {
    const fake = await startFakeWechat(({ target }) =>
      target.startsWith("/v3/bill/") ? tells.apply : (tells.file ?? "reset"),
    );
    const gateway = createGateway(wechatOptions({ baseUrls: [fake.url] }), { log: keepingLog().log });
    try {
      return await work(gateway, () => fake.asked.map(({ target }) => target));
    } finally {
      await gateway.close();
      await fake.close();
    }
  }

  it("a bill is asked for packed, fetched from our own host, unpacked and checked", async () => {
    await withBill({ apply: applied(), file: { body: packed } }, async (gateway, targets) => {
      const answer = await gateway.tradeBill("2026-11-22");
      assert.deepEqual(answer, { kind: "ready", bytes: FIXTURE, sha1: VECTOR.input.sha1_hex });
      assert.equal((await gateway.fundFlowBill("2026-11-22")).kind, "ready");
      const file = "/v3/billdownload/file?token=abc%2F1&tartype=gzip";
      assert.deepEqual(targets(), [
        "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL&tar_type=GZIP",
        file,
        "/v3/bill/fundflowbill?account_type=BASIC&bill_date=2026-11-22&tar_type=GZIP",
        file,
      ]);
    });
    const upper = sha1(FIXTURE).toUpperCase();
    await withBill({ apply: applied(upper), file: { body: FIXTURE } }, async (gateway) => {
      assert.equal((await gateway.tradeBill("2026-11-22")).kind, "ready");
    });
  });

  it("bytes that are not those that were promised are refused", async () => {
    const flipped = Buffer.from(FIXTURE);
    flipped[100]! ^= 1;
    const corrupt = Buffer.from(packed);
    corrupt[corrupt.length >> 1]! ^= 0xff;
    for (const body of [
      gzipSync(flipped),
      flipped,
      FIXTURE.subarray(0, -10),
      packed.subarray(0, -10),
      corrupt,
      Buffer.concat([packed, Buffer.from("more")]),
      Buffer.concat([packed, packed]),
      Buffer.alloc(0),
    ]) {
      await withBill({ apply: applied(), file: { body } }, async (gateway) => {
        await assert.rejects(gateway.tradeBill("2026-11-22"), isFault("untrusted"));
      });
    }
    await withBill({ apply: applied(sha1(packed)), file: { body: packed } }, async (gateway) => {
      await assert.rejects(gateway.tradeBill("2026-11-22"), isFault("untrusted"));
    });
    for (const url of ["https://api.mch.weixin.qq.com/v3/other?token=1", "not a link", ""]) {
      await withBill({ apply: applied(sha1(FIXTURE), url), file: { body: packed } }, async (gateway) => {
        await assert.rejects(gateway.tradeBill("2026-11-22"), isFault("untrusted"));
      });
    }
  });

  it("an application that isn't signed is none", async () => {
    const { body } = applied();
    await withBill({ apply: { body: body! }, file: { body: packed } }, async (gateway) => {
      await assert.rejects(gateway.tradeBill("2026-11-22"), isFault("untrusted"));
    });
  });

  it("what is packed cannot burst", async () => {
    const bomb = gzipSync(Buffer.alloc(2 << 20, " "));
    await assert.rejects(unpack(bomb, 1 << 20), isFault("untrusted"));
    assert.equal((await unpack(bomb, 2 << 20)).length, 2 << 20);
  });

  it("'not yet' and 'nothing' are answers, at whatever status; other refusals keep their codes", async () => {
    const no = (status: number, code: string): Told => {
      return { status, body: JSON.stringify({ code, message: "…" }) };
    };
    for (const [told404, kind] of [
      [no(400, "STATEMENT_CREATING"), "creating"],
      [no(400, "NO_STATEMENT_EXIST"), "no-statement"],
      [no(404, "NO_STATEMENT_EXIST"), "no-statement"],
      [no(404, "NOSTATEMENTEXIST"), "no-statement"],
      [no(400, "INVALID_REQUEST"), "refused"],
    ] as const) {
      await withBill({ apply: told404 }, async (gateway) => {
        assert.equal((await gateway.tradeBill("2026-11-22")).kind, kind);
      });
    }
    await withBill({ apply: applied(), file: no(403, "NO_AUTH") }, async (gateway) => {
      const answer = await gateway.tradeBill("2026-11-22");
      assert(answer.kind === "refused");
      assert.equal(answer.code, "NO_AUTH");
    });
    await withBill({ apply: applied(), file: no(400, "INVALID_REQUEST") }, async (gateway, targets) => {
      await assert.rejects(gateway.tradeBill("2026-11-22"), isFault("untrusted"));
      assert.equal(targets().length, 4, "a link that has run out is asked for anew, once");
    });
  });
});

describe("bills of WeChat Pay", () => {
  let simulator: Simulator;
  let gateway: WechatGateway;
  let day: string;
  before(async () => {
    const startTimeMs = Date.parse("2026-11-22T04:00:00Z");
    simulator = await startSimulator({ keyMode: "public-key", startTimeMs });
    const { merchant } = simulator;
    gateway = createGateway(
      {
        appid: merchant.appid,
        mchid: merchant.mchid,
        merchantSerial: merchant.serial,
        merchantPrivateKey: merchant.privateKeyPem,
        apiV3Key: merchant.apiV3Key,
        publicKey: { id: merchant.publicKeyId, pem: merchant.publicKeyPem },
        certificates: false,
        notifyUrl: "http://127.0.0.1:9/wechat/notify",
        baseUrls: [simulator.url],
      },
      { log: keepingLog().log, now: () => simulator.clock.now() },
    );
    day = shanghaiDay(simulator.clock.now());
    for (let at = 0; at < 4; at += 1) {
      const made = await gateway.prepay({
        channel: "NATIVE",
        outTradeNo: `ord_bill_${at}`,
        description: "会员",
        amountFen: 9_900n + BigInt(at),
        expireTimeMs: Date.parse("2026-11-22T06:00:00Z"),
        payerOpenid: null,
        clientIp: null,
      });
      assert(made.kind === "ready" && made.payable.channel === "NATIVE");
      simulator.user.begin(made.payable.codeUrl);
      const { transactionId } = simulator.user.confirm(made.payable.codeUrl);
      if (at > 1) continue;
      const back = await gateway.refund({
        outRefundNo: `ref_bill_${at}`,
        transactionId: transactionId!,
        amountFen: 100n,
        totalFen: 9_900n + BigInt(at),
        reason: "",
      });
      assert.equal(back.kind, "refund");
    }
  });
  after(async () => {
    await gateway.close();
    await simulator.close();
  });

  const bytesOf = (answer: BillAnswer) => {
    assert(answer.kind === "ready", answer.kind);
    return answer.bytes;
  };

  it("a bill comes the next morning at ten, with the day's payments and refunds", async () => {
    simulator.clock.set(Date.parse("2026-11-23T09:30:00+08:00"));
    assert.deepEqual(await gateway.tradeBill(day), { kind: "creating" });
    simulator.clock.set(Date.parse("2026-11-23T10:00:00+08:00"));
    const { rows, totals } = parseTradeBill(bytesOf(await gateway.tradeBill(day)));
    assert.equal(rows.length, 6);
    assert.equal(totals.orderFen, 39_606n);
    assert.equal(totals.requestedRefundFen, 200n);
    const fund = parseFundFlowBill(bytesOf(await gateway.fundFlowBill(day)));
    assert(fund.rows.length >= 6);
    simulator.settings.summaryNumbers = "plain";
    assert.deepEqual(parseTradeBill(bytesOf(await gateway.tradeBill(day))).totals, totals);
    assert.deepEqual(await gateway.tradeBill("2026-11-21"), { kind: "no-statement" });
  });

  it("of all that can be wrong with a bill, what only looks odd is read, the rest refused", async () => {
    const good = parseTradeBill(bytesOf(await gateway.tradeBill(day)));
    const unpackable = ["gzip-corrupt", "gzip-trailing-data", "zip-bomb"];
    const damaged = ["truncated", "flipped-byte", "wrong-hash", "hash-of-compressed", ...unpackable];
    const untrue = ["missing-summary", "summary-wrong", "separator-in-name"];
    const other = ["extra-row", "missing-row", "changed-amount", "comma-in-name"];
    for (const fault of BILL_FAULTS) {
      if (damaged.includes(fault)) {
        simulator.bills.corrupt(fault, 2);
        await assert.rejects(gateway.tradeBill(day), isUntrusted, fault);
        // Damaged once, it is asked for again.
        simulator.bills.corrupt(fault, 1);
        assert.deepEqual(parseTradeBill(bytesOf(await gateway.tradeBill(day))), good, fault);
        continue;
      }
      simulator.bills.corrupt(fault, 1);
      const bytes = bytesOf(await gateway.tradeBill(day));
      if (untrue.includes(fault)) assert.throws(() => parseTradeBill(bytes), BillFault, fault);
      else if (other.includes(fault)) assert.notDeepEqual(parseTradeBill(bytes), good, fault);
      else assert.deepEqual(parseTradeBill(bytes).totals, good.totals, fault);
    }
  });
});

function isUntrusted(error: unknown): boolean {
  return error instanceof GatewayFault && error.kind === "untrusted";
}
