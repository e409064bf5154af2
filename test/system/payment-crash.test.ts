/**
 * kill -9 of the service between any two steps of a purchase and of a refund. The steps are found by
 * watching one purchase: its statements, its COMMITs and its calls to WeChat Pay. Then every step is taken up to the
 * point and no further, several purchases at their points at one time, and the service is killed.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { tagOf, type UserId } from "../../src/billing/id.ts";
import { Order_State, Refund_State } from "../../src/gen/billing/order/v1/order.ts";
import { OrderServiceService as service } from "../../src/gen/billing/order/v1/order_service.ts";
import { createOrderReader } from "../../src/store/order-reader.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { openPayments, type Payments } from "../../src/payments.ts";
import { startSimulator, type Simulator } from "../../src/simulator/index.ts";
import { openBank, TEST_SEALER, unique, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { freePort } from "../../src/local/port.ts";
import { killPrograms } from "../support/program.ts";
import { flavours } from "../support/servers.ts";
import { keepingLog } from "../support/service.ts";
import { startStatementProxy, type StatementProxy, type When } from "../support/statement-proxy.ts";
import { makeDue, merchantOf, noting, orderOf } from "../support/till.ts";
import {
  makeTillPlace,
  startTillProcess,
  type TillPlace,
  type TillProcess,
} from "../support/till-process.ts";

const PRICE = 9_900n;
const QUOTA = 300;
/** Purchases that stand at their points when the service is killed. */
const GROUP = 40;
/** What one purchase has open stands in a lane of its own. */
const LANES = 64;
/** On the second database some of the steps are enough: what differs is the server, not the service. */
const SAMPLE = 5;

/** Purchases that may get by their point. */
const TRIES_MAX = 3;

/** Where the service is killed. */
interface Point {
  readonly phase: Phase;
  /** The shape of a statement, or the path of a call to WeChat Pay. */
  readonly shape: string;
  /** The how many-th of its shape in its phase, from 1. */
  readonly nth: number;
  readonly when: When;
}

type Phase = "order" | "payment" | "refund" | "refund notice";

interface Purchase {
  readonly userId: UserId;
  readonly orderKey: string;
  readonly refundKey: string;
  /** Whether its money goes back at the end. */
  readonly isRefunded: boolean;
}

/**
 * What a service does by itself, whoever buys: a new connection's rules, the outbox, its looks at the database. And
 * the word that begins a transaction: nothing has happened before the statement that follows it.
 */
const OF_ITSELF =
  /^begin|^start transaction|^set |^select @@|^show |from outbox_events|update outbox_events|webhook_deliveries|lock in share|^(commit|rollback) after (set |select @@|show |.*(from|update) outbox_events|.*webhook_deliveries)/;
const WECHAT_CALLS = ["/v3/pay/transactions/native", "/v3/refund/domestic/refunds"] as const;

for (const [at, flavour] of flavours().toReversed().entries()) {
  describe(`kill -9 between any two steps of a purchase on ${flavour}`, function () {
    this.timeout(300_000);
    let bank: Bank;
    let proxy: StatementProxy;
    let simulator: Simulator;
    let place: TillPlace;
    let victim: TillProcess;
    let elsewhere: Awaited<ReturnType<typeof openElsewhere>>;

    before(async () => {
      bank = await openBank(flavour);
      proxy = await startStatementProxy(bank.url);
      simulator = await startSimulator();
      // What is due comes when the test says so: a retry of a callback would be a step of nobody's purchase.
      simulator.clock.freeze();
      simulator.settings.refundSpacing = false;
      simulator.refunds.script("default", "SUCCESS", 1);
      place = await makeTillPlace(simulator, proxy.url);
      elsewhere = await openElsewhere(bank, simulator, place.notifyUrl);
      victim = await startVictim();
    });
    after(async () => {
      simulator?.faults.clear();
      proxy?.cut();
      await killPrograms();
      await elsewhere?.close();
      await simulator?.close();
      await proxy?.close();
      await bank?.close();
    });

    /** Its own rounds come at its start only, so that no purchase is asked about while it is counted. */
    const startVictim = () =>
      startTillProcess(place, {
        TELLER_LANES: String(LANES),
        DB_POOL_MAX: "96",
        PAYMENT_CHECK_INTERVAL_SECONDS: "3600",
        SWEEP_INTERVAL_SECONDS: "3600",
        LEDGER_CHECK_INTERVAL_SECONDS: "0",
        ALERT_CHECK_INTERVAL_SECONDS: "0",
        REPORT_TIME: "never",
      });
    const newPurchase = async (isRefunded: boolean): Promise<Purchase> => ({
      userId: await bank.member(0),
      orderKey: unique("order"),
      refundKey: unique("refund"),
      isRefunded,
    });
    const order1 = ({ userId, orderKey }: Purchase) =>
      victim.call(service.createOrder, { ...orderOf(userId, {}), idempotencyKey: orderKey });
    const refund1 = ({ refundKey }: Purchase, orderId: string) =>
      victim.call(service.refundOrder, {
        idempotencyKey: refundKey,
        orderId,
        amountFen: PRICE,
        reason: "test",
        paymentId: "",
        validateOnly: false,
      });
    /** True once the notice about it is settled: nothing of the step is left to do. */
    const isHeard = async (subjectId: string) => {
      const rows = await bank.sql(
        `select state from payment_inbox where subject_id = '${subjectId}'`,
      );
      return rows.length > 0 && rows.every((row) => row["state"] === "SETTLED");
    };

    /** The whole purchase, step by step, for as long as nothing stops it. */
    const buy = async (
      purchase: Purchase,
      entered: (phase: Phase) => void,
      signal?: AbortSignal,
    ) => {
      entered("order");
      const orderId = (await order1(purchase)).order!.orderId;
      entered("payment");
      simulator.user.pay(orderId);
      await until(() => isHeard(orderId), signal);
      entered("refund");
      const refundId = (await refund1(purchase, orderId)).refund!.refundId;
      entered("refund notice");
      // The refund is paid out a millisecond later, and the time stands still.
      simulator.clock.set(simulator.clock.now() + 1);
      await until(() => isHeard(refundId), signal);
    };

    /** All points of one purchase that nothing stops. */
    const findPoints = async (): Promise<Point[]> => {
      const points: Point[] = [];
      const seen = new Map<string, number>();
      let phase: Phase = "order";
      proxy.watch(({ shape, isOpen }) => {
        if (OF_ITSELF.test(shape)) return undefined;
        const name = `${phase} ${shape}`;
        const nth = (seen.get(name) ?? 0) + 1;
        seen.set(name, nth);
        points.push({ phase, shape, nth, when: "before" });
        // What it did before is undone unless it is the end of a transaction, or was in none.
        const lasts =
          shape.startsWith("commit") || (!isOpen && /^(insert|update|delete)/.test(shape));
        if (lasts) points.push({ phase, shape, nth, when: "after" });
        return undefined;
      });
      await buy(await newPurchase(true), (entered) => (phase = entered));
      proxy.watch(() => undefined);
      const calls = WECHAT_CALLS.flatMap((shape) =>
        (["before", "after"] as const).map((when): Point => {
          return { phase: shape.includes("refund") ? "refund" : "order", shape, nth: 1, when };
        }),
      );
      // Calls are given up after some seconds: these come last before the kill.
      return [...points, ...calls];
    };

    /** Buys until the point is reached. @returns false when the purchase got by it */
    const buyUpTo = async (purchase: Purchase, point: Point): Promise<boolean> => {
      const reached = Promise.withResolvers<boolean>();
      let phase: Phase = "order";
      if (point.shape.startsWith("/")) {
        void simulator.faults
          .hold({ method: "POST", path: point.shape }, point.when)
          .reached.then(() => reached.resolve(true));
      } else {
        let seen = 0;
        proxy.watch(({ shape }) => {
          if (phase !== point.phase || shape !== point.shape || (seen += 1) !== point.nth)
            return undefined;
          reached.resolve(true);
          return point.when;
        });
      }
      // Its buyer is gone when it stands there: it comes again when the service is back.
      const leaving = new AbortController();
      void buy(purchase, (entered) => (phase = entered), leaving.signal).then(
        () => reached.resolve(false),
        (error: unknown) => leaving.signal.aborted || reached.reject(error),
      );
      const isThere = await reached.promise;
      leaving.abort(new Error("left"));
      proxy.watch(() => undefined);
      return isThere;
    };

    /** A fresh service starts, the caller comes again with the same keys, and time passes. */
    const recover = async (purchases: readonly Purchase[]) => {
      await makeDue(bank.sql);
      victim = await startVictim();
      simulator.faults.clear();
      simulator.clock.set(Date.now(), true);
      await Promise.all(purchases.map(recoverOne));
      await simulator.idle();
    };
    const recoverOne = async (purchase: Purchase) => {
      const { order } = await order1(purchase);
      const { orderId } = order!;
      const there = simulator.orders.find(orderId)!;
      if (there.state === "NOTPAY") simulator.user.pay(orderId);
      const state = async () => (await victim.call(service.getOrder, { orderId })).order!.state;
      const unpaid: readonly Order_State[] = [Order_State.CREATED, Order_State.PENDING];
      await untilChecked(async () => !unpaid.includes(await state()));
      if (!purchase.isRefunded) return;
      const { refundId } = (await refund1(purchase, orderId)).refund!;
      await untilChecked(async () => {
        simulator.clock.set(Math.max(Date.now(), simulator.clock.now() + 1), true);
        const { refund } = await victim.call(service.getRefund, { refundId });
        return refund!.state === Refund_State.SUCCEEDED;
      });
    };
    const untilChecked = async (condition: () => Promise<boolean>) => {
      while (!(await condition())) await elsewhere.check();
    };

    /** Money, quota, membership, events: once each, and the same here and there. */
    const assertWhole = async (purchase: Purchase, point: Point) => {
      const { userId, isRefunded } = purchase;
      const about = JSON.stringify(point);
      const rows = await bank.sql(`select * from orders where user_id = '${userId}'`);
      assert.equal(rows.length, 1, about);
      const order = rows[0]!;
      const orderId = order["order_id"] as string;
      const of = (sql: string) => bank.sql(sql);
      assert.equal(order["state"], isRefunded ? "REFUNDED" : "PAID", about);
      const payments = await of(
        `select disposition, amount_fen from payments where order_id = '${orderId}'`,
      );
      assert.deepEqual(
        payments.map((row) => [row["disposition"], BigInt(row["amount_fen"] as string)]),
        [["GRANTED", PRICE]],
        about,
      );
      const lots = await of(
        `select amount, remaining from quota_grants where source_kind = 'ORDER' and source_id = '${orderId}'`,
      );
      const left = isRefunded ? 0 : QUOTA;
      assert.deepEqual(
        lots.map((row) => [Number(row["amount"]), Number(row["remaining"])]),
        [[QUOTA, left]],
        about,
      );
      const [user] = await of(
        `select quota_remaining as n, membership_until > utc_timestamp(3) as is_member, membership_until = '${String(order["membership_end_time"])}' as is_same
          from users where user_id = '${userId}'`,
      );
      assert.equal(Number(user!["n"]), left, about);
      const refunds = await of(
        `select refund_id, state, amount_fen from refunds where order_id = '${orderId}'`,
      );
      const returned = refunds.map((row) => [row["state"], BigInt(row["amount_fen"] as string)]);
      assert.deepEqual(returned, isRefunded ? [["SUCCEEDED", PRICE]] : [], about);
      const there = simulator.refunds.all().filter((refund) => refund.order.outTradeNo === orderId);
      assert.deepEqual(
        there.map(({ refundFen, outRefundNo }) => [refundFen, outRefundNo]),
        refunds.map((row) => [PRICE, row["refund_id"]]),
        about,
      );
      if (!isRefunded)
        assert.deepEqual([Number(user!["is_member"]), Number(user!["is_same"])], [1, 1], about);
      const subjects = [orderId, ...refunds.map((row) => row["refund_id"] as string)]
        .map((id) => `'${id}'`)
        .join();
      const open = await of(
        `select kind, state from payment_inbox where subject_id in (${subjects}) and state <> 'SETTLED'`,
      );
      assert.deepEqual(open, [], about);
      const events = await of(
        `select type from outbox_events where subject = '${orderId}' order by type`,
      );
      const expected = [
        "order.created",
        "order.paid",
        ...(isRefunded ? ["refund.requested", "refund.succeeded"] : []),
      ];
      const told = events.map((row) => row["type"]).filter((type) => type !== "refund.processing");
      assert.deepEqual(told, expected, about);
      const steps = await of(
        `select to_state from order_steps where subject_id = '${orderId}' order by sequence`,
      );
      const moves = ["CREATED", "PENDING", "PAID", ...(isRefunded ? ["REFUNDED"] : [])];
      assert.deepEqual(
        steps.map((row) => row["to_state"]),
        moves,
        about,
      );
    };

    it("gives once what was paid for, and pays back once", async () => {
      await buy(await newPurchase(true), () => undefined); // The first one reads the catalogue, too.
      const all = await findPoints();
      const [known, calls] = [
        all.filter(({ shape }) => !shape.startsWith("/")),
        all.filter(({ shape }) => shape.startsWith("/")),
      ];
      const points = at === 0 ? known : known.filter((_, index) => index % SAMPLE === 0);
      // A batch is one trip with several statements: fewer steps than statements.
      assert.ok(known.length > 60, `${known.length} steps`);
      let count = 0;
      const lanes = new Set<number>();
      while (points.length > 0 || calls.length > 0) {
        const group = points.splice(0, GROUP);
        if (group.length < GROUP) group.push(...calls.splice(0));
        const standing: { readonly purchase: Purchase; readonly point: Point }[] = [];
        lanes.clear();
        for (const point of group) {
          const isLate = point.phase.startsWith("refund");
          let purchase: Purchase;
          let tries = 0;
          do {
            // What the service does by itself comes in between now and then, and looks the same.
            assert.ok((tries += 1) <= TRIES_MAX, `nobody comes by ${JSON.stringify(point)}`);
            purchase = await inOwnLane(lanes, () => newPurchase(isLate || (count += 1) % 2 === 0));
          } while (!(await buyUpTo(purchase, point)));
          standing.push({ purchase, point });
        }
        await victim.kill();
        proxy.cut();
        await recover(standing.map(({ purchase }) => purchase));
        for (const { purchase, point } of standing) await assertWhole(purchase, point);
      }
      assert.deepEqual(await bookFaults(bank.sql), []);
    });
  });
}

/** A purchase whose user isn't served together with another one that stands still. */
async function inOwnLane(taken: Set<number>, make: () => Promise<Purchase>): Promise<Purchase> {
  for (;;) {
    const purchase = await make();
    const lane = tagOf(purchase.userId) % LANES;
    if (taken.has(lane)) continue;
    taken.add(lane);
    return purchase;
  }
}

/** Another server on the same database, whose checker runs when it is asked to. */
async function openElsewhere(bank: Bank, simulator: Simulator, notifyUrl: string) {
  const orm = await openOrm({ url: bank.url, poolMax: 8 });
  const port = await freePort();
  const payments: Payments = await openPayments({
    // The same merchant in all: a refund that is sent again with another URL would be another refund.
    merchant: { ...merchantOf(simulator, port), notifyUrl },
    orm,
    context: bank.context,
    sealer: TEST_SEALER,
    teller: bank.teller,
    reader: createOrderReader(orm, TEST_SEALER),
    log: keepingLog().log,
    observer: noting([]),
    callback: { host: "127.0.0.1", port },
    checkIntervalMs: 2 ** 31 - 1,
  });
  const checker = payments.startChecking();
  return {
    async check() {
      await makeDue(bank.sql);
      await checker.check();
    },
    async close() {
      await payments.close();
      await closeOrm(orm);
    },
  };
}

async function until(condition: () => Promise<boolean>, signal?: AbortSignal): Promise<void> {
  while (!(await condition())) await sleep(5, undefined, { signal });
  signal?.throwIfAborted();
}
