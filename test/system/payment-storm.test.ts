/**
 * A thousand purchases by way of two servers, while the network and whoever sends forged callbacks do their worst.
 * Afterwards every fen is looked for, by plain SQL and in WeChat Pay's own books.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { Channel } from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as service } from "../../src/gen/billing/order/v1/order_service.ts";
import { feeFen } from "../../src/simulator/ledger.ts";
import { startSimulator, type Simulator } from "../../src/simulator/index.ts";
import { openBank, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { killPrograms } from "../support/program.ts";
import { flavours } from "../support/servers.ts";
import { makeDue, orderOf } from "../support/till.ts";
import { makeTillPlace, startTillProcess, type TillProcess } from "../support/till-process.ts";

const PURCHASES = 1_000;
const USERS = 300;
const AT_ONCE = 16;
/** Every so many a purchase pays back a part, or all. */
const PARTIAL_EVERY = 20;
const WHOLE_EVERY = 25;
/** Every so many the answer to the order is lost. */
const LOST_PREPAY_EVERY = 25;
const CHANCE = { chance: 0.1 };
const CHANNELS = [Channel.NATIVE, Channel.JSAPI, Channel.H5, Channel.APP] as const;
const PATHS: readonly string[] = ["native", "jsapi", "h5", "app"];

for (const flavour of flavours().toReversed().slice(0, 1)) {
  describe(`a storm of payments on ${flavour}`, function () {
    this.timeout(300_000);
    let bank: Bank;
    let simulator: Simulator;
    let servers: TillProcess[];

    before(async () => {
      bank = await openBank(flavour);
      simulator = await startSimulator({ seed: 20_261_123 });
      simulator.settings.refundSpacing = false;
      simulator.refunds.script("default", "SUCCESS", 1);
      servers = await Promise.all(
        [1, 2].map(async () =>
          startTillProcess(await makeTillPlace(simulator, bank.url), {
            PAYMENT_CHECK_INTERVAL_SECONDS: "1",
          }),
        ),
      );
    });
    after(async () => {
      await killPrograms();
      await simulator?.close();
      await bank?.close();
    });

    const serverOf = (at: number) => servers[at % servers.length]!;
    const buy = async (at: number, userId: string): Promise<string> => {
      const kind = at % CHANNELS.length;
      if (at % LOST_PREPAY_EVERY === 0) {
        const path = `/v3/pay/transactions/${PATHS[kind]}`;
        simulator.faults.next({ path }, { kind: "reset", when: "after" });
      }
      const request = {
        ...orderOf(userId, {}),
        idempotencyKey: `storm-${at}`,
        product:
          at % 3 === 0
            ? { $case: "packId" as const, value: "quota-pack-100" }
            : { $case: "planId" as const, value: "membership-monthly" },
        quantity: at % 5 === 0 ? 2 : 1,
        channel: CHANNELS[kind]!,
        payerOpenid: CHANNELS[kind] === Channel.JSAPI ? `openid-${at}` : "",
        clientIp: CHANNELS[kind] === Channel.H5 ? `198.51.100.${at % 250}` : "",
      };
      const { order } = await serverOf(at).call(service.createOrder, request);
      // Two payers of the same address, one of them with a coupon.
      simulator.user.pay(order!.orderId, at % 7 === 0 ? { couponFen: 100n } : {});
      return order!.orderId;
    };
    const payBack = async (at: number, orderId: string): Promise<void> => {
      const amountFen = at % WHOLE_EVERY === 0 ? await amountOf(orderId) : 1_000n + BigInt(at % 7);
      await serverOf(at + 1).call(service.refundOrder, {
        idempotencyKey: `storm-refund-${at}`,
        orderId,
        amountFen,
        reason: "test",
        paymentId: "",
        validateOnly: false,
      });
    };
    const amountOf = async (orderId: string) =>
      BigInt(
        (await bank.sql(`select amount_fen as n from orders where order_id = '${orderId}'`))[0]![
          "n"
        ] as string,
      );
    const count = async (from: string) =>
      Number((await bank.sql(`select count(*) as n from ${from}`))[0]!["n"]);
    it("grants every payment once and accounts for every fen", async () => {
      const users: string[] = [];
      for (let at = 0; at < USERS; at++) users.push(await bank.member(0));
      const { callbacks } = simulator.faults;
      callbacks.drop(CHANCE);
      callbacks.duplicate(CHANCE);
      callbacks.duplicateConcurrently({ chance: 0.05 });
      callbacks.corrupt("signature", { chance: 0.03 });
      callbacks.corrupt("tag", { chance: 0.03 });
      callbacks.probe({ chance: 0.05 });
      const orders: string[] = [];
      let reordered = 0;
      await inParallel(PURCHASES, async (at) => {
        // Ten at a time wait for each other and come in reverse: a tenth of all.
        if (at % 100 === 50) {
          callbacks.reorder(10);
          reordered += 10;
        }
        orders[at] = await buy(at, users[at % USERS]!);
      });
      assert.equal(new Set(orders).size, PURCHASES);
      // Time passes: what no callback told is asked for, and callbacks that were lost or refused come again.
      await settled(async () => {
        await makeDue(bank.sql);
        return (await count("orders where state in ('CREATED','PENDING')")) === 0;
      });
      await simulator.clock.advance(15_000);
      await simulator.clock.advance(15_000);
      await simulator.idle();
      const refunding = orders
        .map((orderId, at) => ({ orderId, at }))
        .filter(({ at }) => isPaidBack(at));
      // The latest first: an order is refunded only when no later membership hangs on its end.
      for (const { orderId, at } of refunding.toReversed()) {
        await payBack(at, orderId).catch((error: { details?: string }) =>
          assert.match(String(error.details), /a later order's membership/),
        );
      }
      await settled(async () => {
        await makeDue(bank.sql);
        simulator.clock.set(simulator.clock.now() + 1);
        return (await count("refunds where state <> 'SUCCEEDED'")) === 0;
      });
      callbacks.clear();
      await simulator.clock.advance(60_000);
      await simulator.idle();
      await settled(async () => {
        await makeDue(bank.sql);
        return (await count("payment_inbox where state <> 'SETTLED'")) === 0;
      });
      await assertBooks();
      assertFaultsHit(reordered);
    });

    const assertBooks = async () => {
      assert.deepEqual(await bookFaults(bank.sql), []);
      assert.deepEqual(await moneyFaults(bank), []);
      assert.equal(await count("orders"), PURCHASES);
      assert.equal(await count("payments where disposition = 'GRANTED'"), PURCHASES);
      assert.equal(await count("payments"), PURCHASES);
      // WeChat Pay's own books.
      const there = new Map(simulator.orders.all().map((order) => [order.outTradeNo, order]));
      const here = await bank.sql("select order_id, amount_fen, refunded_fen from orders");
      assert.equal(there.size, PURCHASES);
      let balanceFen = 0n;
      for (const row of here) {
        const order = there.get(row["order_id"] as string)!;
        const refunds = simulator.refunds.all().filter((refund) => refund.order === order);
        assert.ok(order.payment);
        assert.equal(BigInt(row["amount_fen"] as string), order.totalFen);
        assert.equal(
          BigInt(row["refunded_fen"] as string),
          refunds.reduce((sum, { refundFen }) => sum + refundFen, 0n),
        );
        balanceFen += order.totalFen - feeFen(order.totalFen);
      }
      for (const { refundFen, feeBackFen } of simulator.refunds.all())
        balanceFen -= refundFen - feeBackFen;
      assert.equal(simulator.balance.fen(), balanceFen);
      const ids = await bank.sql("select refund_id, amount_fen from refunds order by refund_id");
      const paidBack = simulator.refunds
        .all()
        .map(({ outRefundNo, refundFen }) => `${outRefundNo} ${refundFen}`)
        .sort();
      assert.deepEqual(
        ids.map((row) => `${String(row["refund_id"])} ${String(row["amount_fen"])}`),
        paidBack,
      );
      assert.ok(ids.length > 30, `${ids.length} refunds`);
    };

    /** No kind of fault may have passed by: then this would prove nothing about it. */
    const assertFaultsHit = (reordered: number) => {
      const callbacks = simulator.journal.filter((entry) => entry.kind === "callback");
      const hits = (twist: string) => callbacks.filter(({ twists }) => twists.includes(twist));
      for (const [twist, least] of [
        ["drop", PURCHASES / 15],
        ["duplicate", PURCHASES / 20],
        ["duplicateConcurrently", 20],
        ["corrupt:signature", 10],
        ["corrupt:tag", 10],
        ["probe", 20],
      ] as const) {
        assert.ok(hits(twist).length >= least, `${twist} has hit ${hits(twist).length} times`);
      }
      const forged = callbacks.filter(({ twists }) =>
        twists.some((twist) => /^(corrupt|probe)/.test(twist)),
      );
      assert.ok(
        forged.every(({ accepted }) => !accepted),
        "no forged callback is accepted",
      );
      assert.ok(reordered >= PURCHASES / 10);
      const lost = simulator.journal.filter(
        (entry) => entry.kind === "request" && entry.fault === "reset",
      );
      assert.ok(lost.length >= PURCHASES / LOST_PREPAY_EVERY, `${lost.length} answers were lost`);
    };
  });
}

function isPaidBack(at: number): boolean {
  return at % PARTIAL_EVERY === 0 || at % WHOLE_EVERY === 0;
}

async function inParallel(total: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < total) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function settled(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(200);
}

/** Each names what is wrong: recomputed from the rows of money, not by the code that wrote them. */
const MONEY_RULES: Readonly<Record<string, string>> = {
  "an order is paid by exactly one payment of its amount": `
    select o.order_id as id from orders o left join payments p
      on p.order_id = o.order_id and p.disposition = 'GRANTED' and p.amount_fen = o.amount_fen
        and p.payment_id = o.payment_id and p.user_id = o.user_id
    group by o.order_id, o.state having count(p.payment_id) <> (o.state not in ('CREATED','PENDING','CLOSED'))`,
  "what went back is the sum of the refunds": `
    select o.order_id as id from orders o left join (
      select order_id, payment_id, sum(amount_fen) as total from refunds where state <> 'CLOSED' group by order_id, payment_id
    ) r on r.order_id = o.order_id and r.payment_id = o.payment_id
    where o.refunded_fen <> coalesce(r.total, 0) or o.refunded_fen > o.amount_fen`,
  "an order's state says what went back": `
    select order_id as id from orders where state <> case
      when refunded_fen = 0 then 'PAID' when refunded_fen = amount_fen then 'REFUNDED' else 'PARTIALLY_REFUNDED' end`,
  "the lots of an order are what was bought": `
    select o.order_id as id from orders o left join quota_grants g
      on g.user_id = o.user_id and g.source_kind = 'ORDER'
        and (g.source_id = o.order_id or g.source_id regexp concat('^', o.order_id, ':[0-9]+$'))
    group by o.order_id, o.quantity, o.kind, o.granted_amount
    having coalesce(sum(g.amount), 0) <> o.quantity * if(o.kind = 'PLAN', 300, 100)
      or coalesce(sum(g.amount), 0) <> o.granted_amount`,
  // Nobody has used anything: what isn't there any more was taken back.
  "what is left of an order's lots is what is still paid for": `
    select o.order_id as id from orders o left join quota_grants g
      on g.user_id = o.user_id and g.source_kind = 'ORDER' and g.state in ('OPEN','SCHEDULED')
        and (g.source_id = o.order_id or g.source_id like concat(o.order_id, ':%'))
    group by o.order_id, o.granted_amount, o.revoked_amount, o.amount_fen, o.refunded_fen
    having coalesce(sum(if(g.state = 'SCHEDULED', g.amount, g.remaining)), 0) <> o.granted_amount - o.revoked_amount
      or o.granted_amount - o.revoked_amount <> floor(o.granted_amount * (o.amount_fen - o.refunded_fen) / o.amount_fen)`,
  "a user has what the lots have": `
    select u.user_id as id from users u left join quota_grants g on g.user_id = u.user_id and g.state = 'OPEN'
    group by u.user_id, u.quota_remaining having coalesce(sum(g.remaining), 0) <> u.quota_remaining`,
  "a step follows from the one before": `
    select b.subject_id as id from order_steps b left join order_steps a
      on a.subject_id = b.subject_id and a.sequence = b.sequence - 1
    where (b.sequence = 1 and b.from_state <> '') or (b.sequence > 1 and (a.to_state is null or a.to_state <> b.from_state))`,
  "an order is paid by one step": `
    select subject_id as id from order_steps where to_state = 'PAID' and from_state in ('CREATED','PENDING')
    group by subject_id having count(*) <> 1`,
  "what is told of an order is told once": `
    select subject as id from outbox_events where type = 'order.paid' group by subject having count(*) <> 1`,
};

async function moneyFaults({ sql }: Bank): Promise<string[]> {
  const faults: string[] = [];
  for (const [rule, query] of Object.entries(MONEY_RULES)) {
    const ids = (await sql(`${query} limit 5`)).map((row) => row["id"]);
    if (ids.length > 0) faults.push(`${rule}: not so for ${ids.join(", ")}`);
  }
  return faults;
}
