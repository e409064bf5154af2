/** What tells who pays, by what payment, and with which keys: nowhere but sealed in the books. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Channel, Order_State, Refund_State } from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as service } from "../../src/gen/billing/order/v1/order_service.ts";
import { createOrderReader } from "../../src/store/order-reader.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { startSimulator, type Simulator } from "../../src/simulator/index.ts";
import { openBank, TEST_SEALER, unique, type Bank } from "../support/bank.ts";
import { killPrograms } from "../support/program.ts";
import { flavours } from "../support/servers.ts";
import { makeDue, orderOf } from "../support/till.ts";
import {
  makeTillPlace,
  startTillProcess,
  type TillPlace,
  type TillProcess,
} from "../support/till-process.ts";

const PRICE = 9_900n;
const OPENID = "oSECRETopenid0123456789abcdef";
const PAYER_IP = "198.51.100.237";
const CARD = "招商银行信用卡0403";

for (const flavour of flavours()) {
  describe(`what payments leave behind on ${flavour}`, function () {
    this.timeout(180_000);
    let bank: Bank;
    let simulator: Simulator;
    let place: TillPlace;
    let till: TillProcess;
    let collector: Server;
    const traces: Buffer[] = [];

    before(async () => {
      bank = await openBank(flavour);
      simulator = await startSimulator();
      simulator.settings.refundSpacing = false;
      collector = createServer((request, response) => {
        request.on("data", (bytes: Buffer) => traces.push(bytes));
        request.on("end", () => response.end());
      });
      collector.listen(0, "127.0.0.1");
      await once(collector, "listening");
      place = await makeTillPlace(simulator, bank.url);
      till = await startTillProcess(place, {
        LOG_LEVEL: "debug",
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
        TRACE_SAMPLE_RATIO: "1",
        PAYMENT_CHECK_INTERVAL_SECONDS: "1",
      });
    });
    after(async () => {
      await killPrograms();
      collector?.close();
      collector?.closeAllConnections();
      await simulator?.close();
      await bank?.close();
    });

    const order = async (more: object) => {
      const userId = await bank.member(0);
      return (await till.call(service.createOrder, orderOf(userId, more))).order!.orderId;
    };
    const until = async (condition: () => Promise<boolean>) => {
      while (!(await condition())) await makeDue(bank.sql);
    };
    const isPaid = (orderId: string) => async () =>
      (await till.call(service.getOrder, { orderId })).order!.state === Order_State.PAID;

    /** Purchases, refunds, forged and broken callbacks, faults of the provider, refused calls. */
    const live = async (): Promise<string[]> => {
      const jsapi = await order({ channel: Channel.JSAPI, payerOpenid: OPENID });
      const h5 = await order({ channel: Channel.H5, clientIp: PAYER_IP });
      const native = await order({});
      for (const layer of [
        "signature",
        "tag",
        "plaintext",
        "api-key",
        "json",
        "timestamp",
      ] as const) {
        simulator.faults.callbacks.corrupt(layer);
      }
      simulator.user.pay(jsapi, { openid: OPENID });
      for (const orderId of [h5, native]) simulator.user.pay(orderId, { openid: OPENID });
      for (const orderId of [jsapi, h5, native]) await until(isPaid(orderId));
      simulator.faults.callbacks.clear();
      simulator.refunds.script("default", "ABNORMAL", 1);
      simulator.faults.next(
        { method: "POST", path: "/v3/refund" },
        { kind: "reset", when: "after" },
        1,
      );
      const request = {
        idempotencyKey: unique("refund"),
        orderId: jsapi,
        amountFen: PRICE,
        reason: "test",
        paymentId: "",
        validateOnly: false,
      };
      const { refundId } = (await till.call(service.refundOrder, request)).refund!;
      await until(
        async () =>
          (await till.call(service.getRefund, { refundId })).refund!.state ===
          Refund_State.ABNORMAL,
      );
      const there = simulator.refunds.all().find(({ outRefundNo }) => outRefundNo === refundId)!;
      const notice = {
        mchid: simulator.merchant.mchid,
        transaction_id: there.order.payment!.transactionId,
        out_trade_no: jsapi,
        refund_id: there.refundId,
        out_refund_no: refundId,
        refund_status: "SUCCESS",
        success_time: "2026-11-23T10:00:00+08:00",
        user_received_account: CARD,
        amount: { total: 9_900, refund: 9_900, payer_total: 9_900, payer_refund: 9_900 },
      };
      const refundEvent = {
        url: place.notifyUrl,
        eventType: "REFUND.SUCCESS",
        originalType: "refund",
      };
      await simulator.deliver({
        ...refundEvent,
        resource: { ...notice, amount: { ...notice.amount, refund: 1 } },
      });
      await simulator.deliver({ ...refundEvent, resource: notice });
      await simulator.deliver({
        ...refundEvent,
        resource: { ...notice, out_refund_no: "rfd_UNKNOWN00000000000000000" },
      });
      for (const kind of [
        "bad-gateway",
        "truncated-json",
        "bad-signature",
        "rate-limited",
      ] as const) {
        simulator.faults.next({ path: "/v3/pay" }, { kind }, 3);
        await order({ channel: Channel.JSAPI, payerOpenid: OPENID }).catch(() => undefined);
        simulator.faults.clear();
      }
      // Another payer under the same key, and another openid than the order's.
      const key = { idempotencyKey: unique("same"), channel: Channel.JSAPI };
      const userId = await bank.member(0);
      await till.call(service.createOrder, orderOf(userId, { ...key, payerOpenid: OPENID }));
      await assert.rejects(
        till.call(service.createOrder, orderOf(userId, { ...key, payerOpenid: "oANOTHER" })),
      );
      await assert.rejects(
        till.call(
          service.createOrder,
          orderOf(userId, { channel: Channel.JSAPI, payerOpenid: `${OPENID} !` }),
        ),
      );
      return [jsapi, h5, native];
    };

    const secrets = (): ReadonlyMap<string, string> => {
      const { merchant } = simulator;
      const found = new Map([
        ["the openid", OPENID],
        ["the payer's address", PAYER_IP],
        ["the account that was paid to", CARD],
        ["the APIv3 key", merchant.apiV3Key],
        ["the merchant's private key", merchant.privateKeyPem.split("\n")[1]!],
      ]);
      for (const { outTradeNo, prepay, payment } of simulator.orders.all()) {
        found.set(`the prepay_id of ${outTradeNo}`, prepay.prepayId);
        found.set(`the code of ${outTradeNo}`, prepay.handle);
        if (payment) found.set(`the transaction of ${outTradeNo}`, payment.transactionId);
      }
      return found;
    };
    const leaks = (text: string) =>
      [...secrets()].filter(([, secret]) => text.includes(secret)).map(([name]) => name);

    it("is nothing in logs, metrics and traces, and nothing in plain text in the database", async () => {
      const orders = await live();
      assert.ok(secrets().size > 12);
      assert.equal(leaks(`so ${OPENID} would be found`).length, 1);
      const metrics = await (await fetch(till.metricsUrl)).text();
      assert.match(metrics, /billing_callback/);
      assert.deepEqual(leaks(metrics), []);
      const dump = JSON.stringify(await dumpOf(bank));
      for (const orderId of orders)
        assert.ok(dump.includes(orderId), "the dump has what is no secret");
      assert.deepEqual(leaks(dump), []);
      // What is kept to compare a repeated call with is too short to find out an address by trying all.
      const contents = await bank.sql(
        "select content from quota_logs where method = 'CreateOrder' union all select content from operations where method = 'CreateOrder'",
      );
      const marks = contents.flatMap(({ content }) =>
        (JSON.parse(content as string) as string[]).slice(-2),
      );
      assert.ok(
        marks.some((mark) => mark !== ""),
        JSON.stringify(contents[0]),
      );
      for (const mark of marks) assert.match(mark, /^([0-9a-f]{4})?$/);
      till.program.kill("SIGTERM");
      await till.program.exited;
      const log = till.program.lines.join("\n");
      assert.match(log, /a callback/);
      assert.deepEqual(leaks(log), []);
      const spans = Buffer.concat(traces).toString("latin1");
      assert.match(spans, /CreateOrder/);
      assert.deepEqual(leaks(spans), []);
      assert.deepEqual(leaks(Buffer.concat(traces).toString("utf8")), []);
    });

    it("is still found by whoever has the keys", async () => {
      const orm = await openOrm({ url: bank.url, poolMax: 2 });
      const reader = createOrderReader(orm, TEST_SEALER);
      for (const { outTradeNo, payment, payerOpenid } of simulator.orders.all()) {
        if (payment === null) continue;
        const found = await reader.findTransaction(payment.transactionId);
        assert.equal(found?.orderId, outTradeNo);
        const { order: kept, payments } = (await reader.findOrder(found.orderId))!;
        assert.equal(kept.payerOpenid, payerOpenid);
        assert.deepEqual(
          payments.map(({ transactionId }) => transactionId),
          [payment.transactionId],
        );
      }
      await closeOrm(orm);
    });
  });
}

/** Every row of every table. */
async function dumpOf({ sql }: Bank): Promise<Record<string, unknown>> {
  const tables = await sql(
    "select table_name as name from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE'",
  );
  const dump: Record<string, unknown> = {};
  for (const table of tables) {
    const name = table["name"] as string;
    dump[name] = await sql(`select * from ${name}`);
  }
  assert.ok("payment_inbox" in dump && "operations" in dump);
  return dump;
}
