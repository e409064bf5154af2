/**
 * kill -9 between any two steps of what the service does when WeChat Pay has told nothing: asking about orders and
 * refunds that are due, closing what nobody has paid. As in payment-crash.test.ts the steps are found by watching one
 * that nothing stops; then each point has an order of its own that is taken there, and the service is killed.
 */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HOUR_MS, MINUTE_MS } from "../../src/billing/clock.ts";
import {
  tagOf,
  type OrderId,
  type PlanId,
  type RefundId,
  type UserId,
} from "../../src/billing/id.ts";
import { createCashier } from "../../src/billing/order/cashier.ts";
import { requestRefund } from "../../src/billing/order/request-refund.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { startPaymentChecker } from "../../src/job/payment-checker.ts";
import { startSimulator, type Simulator } from "../../src/simulator/index.ts";
import { createDueFinder } from "../../src/store/due-finder.ts";
import { createOrderReader } from "../../src/store/order-reader.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { createGateway } from "../../src/wechat/gateway.ts";
import type { WechatOptions } from "../../src/wechat/options.ts";
import { command, openBank, TEST_SEALER, unique, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import type { CheckerChildOptions, Task } from "../support/checker-child.ts";
import { killPrograms, startProgram, type Program } from "../support/program.ts";
import { flavours, freshDirectory } from "../support/servers.ts";
import { keepingLog } from "../support/service.ts";
import { startStatementProxy, type StatementProxy, type When } from "../support/statement-proxy.ts";
import { makeDue, merchantOf, noting } from "../support/till.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PRICE = 9_900n;
const QUOTA = 300;
/** What stands at its points when the service is killed. */
const GROUP = 40;
/** What stands still has a lane of its own. */
const LANES = 48;
/** On the second database some of the steps are enough: what differs is the server, not the service. */
const SAMPLE = 3;
/** Longer than an order can be paid. */
const LATE_MS = 3 * HOUR_MS;
/** What stands still at WeChat Pay must not be given up before the kill. */
const PATIENT = { attemptMs: 10 * MINUTE_MS, totalMs: 10 * MINUTE_MS };
/** Nobody looks at it. */
const PUT_AWAY = "'2099-01-01 00:00:00'";
/** A new connection's rules, and the word that begins a transaction: nothing has happened before what follows. */
const OF_ITSELF =
  /^begin|^start transaction|^set |^select @@|^show |^(commit|rollback) after (set |select @@|show )/;

/** What is to be done when the service is killed. */
type Story = "paid" | "unpaid" | "expired" | "closed" | "refund to send" | "refund to ask about";
const STORIES: readonly Story[] = [
  "paid",
  "unpaid",
  "expired",
  "closed",
  "refund to send",
  "refund to ask about",
];

/** The calls to WeChat Pay of each, in their order. */
const QUERY = { method: "GET", path: "/v3/pay/transactions/out-trade-no/" } as const;
const CLOSE = {
  method: "POST",
  path: /^\/v3\/pay\/transactions\/out-trade-no\/[^/]+\/close/,
} as const;
const REFUNDS = "/v3/refund/domestic/refunds";
const CALLS: Readonly<Record<Story, readonly Parameters<Simulator["faults"]["hold"]>[0][]>> = {
  paid: [QUERY],
  unpaid: [QUERY],
  expired: [QUERY, CLOSE, QUERY],
  closed: [QUERY, CLOSE, QUERY],
  "refund to send": [{ method: "POST", path: REFUNDS }],
  "refund to ask about": [{ method: "GET", path: REFUNDS }],
};

/** Where the service is killed. */
interface Point {
  readonly story: Story;
  /** The shape of a statement; undefined for a call to WeChat Pay. */
  readonly shape?: string;
  /** The how many-th of its shape, or of the calls, from 1. */
  readonly nth: number;
  readonly when: When;
}

interface Subject {
  readonly story: Story;
  readonly userId: UserId;
  readonly orderId: OrderId;
  readonly refundId: RefundId | undefined;
  readonly closeKey: string;
}

for (const [at, flavour] of flavours().toReversed().entries()) {
  describe(`kill -9 between any two steps of asking and closing on ${flavour}`, function () {
    this.timeout(300_000);
    let bank: Bank;
    let proxy: StatementProxy;
    let simulator: Simulator;
    let elsewhere: Awaited<ReturnType<typeof openElsewhere>>;
    let childOptions: string;
    let victim: Victim;

    before(async () => {
      bank = await openBank(flavour);
      proxy = await startStatementProxy(bank.url);
      simulator = await startSimulator();
      // WeChat Pay tells nothing by itself: everything is asked for.
      simulator.faults.callbacks.drop({ chance: 1 });
      // A refund is paid out when the test says so.
      simulator.clock.freeze();
      simulator.settings.refundSpacing = false;
      simulator.refunds.script("default", "SUCCESS", 1);
      const merchant = merchantOf(simulator, 9);
      elsewhere = await openElsewhere(bank, merchant);
      childOptions = join(await freshDirectory(), "options.json");
      const patient = { ...merchant, timeouts: PATIENT };
      const options: CheckerChildOptions = {
        databaseUrl: proxy.url,
        merchant: patient,
        lanes: LANES,
      };
      await writeFile(childOptions, JSON.stringify(options));
      victim = await startVictim(childOptions);
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

    /** As far as it comes before the service has to ask. */
    const prepare = async (story: Story, userId: UserId): Promise<Subject> => {
      const { cashier } = elsewhere;
      const order = {
        userId,
        product: { planId: "membership-monthly" as PlanId },
        quantity: 1,
        channel: "NATIVE",
        payerOpenid: null,
        clientIp: null,
      } as const;
      const { orderId } = (await cashier.createOrder(command(order), Date.now())).order;
      const subject = { story, userId, orderId, refundId: undefined, closeKey: unique("close") };
      if (story === "paid") simulator.user.pay(orderId);
      if (!story.startsWith("refund")) return subject;
      simulator.user.pay(orderId);
      await cashier.settle(orderId, "QUERY");
      const asked = command({ orderId, amountFen: PRICE, reason: "a test", paymentId: null });
      const { refundId } = (await bank.teller.submit(requestRefund, asked, userId)).answer;
      if (story === "refund to ask about") {
        await cashier.pursueRefund(refundId);
        simulator.clock.set(simulator.clock.now() + 1);
      }
      return { ...subject, refundId };
    };
    /** One that nobody looks at yet, whose user isn't served together with another one that stands still. */
    const newSubject = async (story: Story, lanes = new Set<number>()): Promise<Subject> => {
      for (;;) {
        const userId = await bank.member(0);
        const lane = tagOf(userId) % LANES;
        if (lanes.has(lane)) continue;
        lanes.add(lane);
        const subject = await prepare(story, userId);
        await setDue(subject, PUT_AWAY);
        return subject;
      }
    };
    const rowOf = ({ orderId, refundId }: Subject) =>
      refundId === undefined
        ? { table: "orders", where: `where order_id = '${orderId}'` }
        : { table: "refunds", where: `where refund_id = '${refundId}'` };
    const setDue = async (subject: Subject, time: string) => {
      const { table, where } = rowOf(subject);
      const set = `update ${table} set next_check_time = ${time}`;
      await bank.sql(`${set} ${where} and next_check_time is not null`);
    };
    /** So that the rounds of others don't take it; one whose row is locked they don't take in any case. */
    const putAway = async (subject: Subject) => {
      const { table, where } = rowOf(subject);
      const rows = await bank.sql(`select 1 from ${table} ${where} for update skip locked`);
      if (rows.length > 0) await setDue(subject, PUT_AWAY);
    };
    const taskOf = ({ story, orderId, closeKey }: Subject): Task => {
      if (story === "closed") return { kind: "close", orderId, key: closeKey };
      return { kind: "check", nowMs: Date.now() + (story === "expired" ? LATE_MS : 0) };
    };
    const run = async (subject: Subject): Promise<void> => {
      if (subject.story !== "closed") await setDue(subject, "utc_timestamp(3)");
      await victim.run(taskOf(subject));
    };

    /** All points of one that nothing stops. */
    const findPoints = async (story: Story): Promise<Point[]> => {
      const points: Point[] = [];
      const seen = new Map<string, number>();
      let wasRead = false;
      const subject = await newSubject(story);
      proxy.watch(({ shape, isOpen }) => {
        if (OF_ITSELF.test(shape)) return undefined;
        const nth = (seen.get(shape) ?? 0) + 1;
        seen.set(shape, nth);
        // Between reads that follow each other nothing changes: one point is enough for them.
        const isRead = /^(commit after )?select/.test(shape);
        if (!isRead || !wasRead) points.push({ story, shape, nth, when: "before" });
        wasRead = isRead;
        // What it did before is undone unless it ends a transaction that has written, or was in none.
        const writes = /^(commit after )?(insert|update|delete)/.test(shape);
        const lasts = writes && (shape.startsWith("commit") || !isOpen);
        if (lasts) points.push({ story, shape, nth, when: "after" });
        return undefined;
      });
      await run(subject);
      proxy.watch(() => undefined);
      await putAway(subject);
      return points;
    };
    const callPoints = (story: Story): Point[] =>
      CALLS[story].flatMap((_, index) =>
        (["before", "after"] as const).map((when) => ({ story, nth: index + 1, when })),
      );

    /** @returns false when it got by the point */
    const runUpTo = async (
      subject: Subject,
      { shape, nth, when, story }: Point,
    ): Promise<boolean> => {
      const reached = Promise.withResolvers<boolean>();
      if (shape === undefined) void holdCall(story, nth, when).then(() => reached.resolve(true));
      let seen = 0;
      proxy.watch((statement) => {
        if (statement.shape !== shape || (seen += 1) !== nth) return undefined;
        reached.resolve(true);
        return when;
      });
      run(subject).then(() => reached.resolve(false), reached.reject);
      const isThere = await reached.promise;
      proxy.watch(() => undefined);
      await putAway(subject);
      return isThere;
    };
    const holdCall = async (story: Story, nth: number, when: When): Promise<void> => {
      // One after the other: the same call may come twice.
      for (const call of CALLS[story].slice(0, nth - 1)) {
        const passing = simulator.faults.hold(call, "before");
        await passing.reached;
        passing.release();
      }
      await simulator.faults.hold(CALLS[story][nth - 1]!, when).reached;
    };

    const isPaid = ({ orderId }: Subject) => simulator.orders.find(orderId)!.payment !== null;
    const isPayable = ({ orderId }: Subject) => simulator.orders.find(orderId)!.state === "NOTPAY";
    const endOf = (subject: Subject): "PAID" | "CLOSED" | "REFUNDED" => {
      if (subject.refundId !== undefined) return "REFUNDED";
      return isPaid(subject) ? "PAID" : "CLOSED";
    };
    /** Callers come again with the same keys, another server looks, and time passes. */
    const recover = async (subjects: readonly Subject[]) => {
      for (const subject of subjects) {
        if (subject.story === "unpaid" && isPayable(subject)) simulator.user.pay(subject.orderId);
        if (subject.story === "closed") await elsewhere.closeOrder(subject);
      }
      const open = new Set(subjects);
      while (open.size > 0) {
        simulator.clock.set(Math.max(Date.now(), simulator.clock.now() + 1), true);
        await elsewhere.check();
        for (const subject of open) {
          const sql = `select state from orders where order_id = '${subject.orderId}'
            and not exists (select 1 from refunds r where r.order_id = orders.order_id and r.state <> 'SUCCEEDED')`;
          const [row] = await bank.sql(sql);
          if (row?.["state"] === endOf(subject)) open.delete(subject);
        }
      }
    };

    /** Money, quota and events: once each, and the same here and there. */
    const assertWhole = async (subject: Subject, point: Point) => {
      const { userId, orderId, refundId } = subject;
      const end = endOf(subject);
      const rows = async (sql: string) =>
        (await bank.sql(sql)).map((row) => Object.values(row).join(" "));
      const of = (table: string, columns: string) =>
        rows(`select ${columns} from ${table} where order_id = '${orderId}'`);
      const there = simulator.refunds.all().filter(({ order }) => order.outTradeNo === orderId);
      const found = {
        order: await of("orders", "state"),
        payments: await of("payments", "disposition, amount_fen"),
        refunds: await of("refunds", "refund_id, state, amount_fen"),
        sentBack: there.map(
          ({ outRefundNo, refundFen }) => `${outRefundNo} SUCCEEDED ${refundFen}`,
        ),
        lots: await rows(`select amount, remaining from quota_grants
          where source_kind = 'ORDER' and source_id = '${orderId}'`),
        balance: await rows(`select quota_remaining from users where user_id = '${userId}'`),
        events: await rows(`select type from outbox_events
          where subject = '${orderId}' and type <> 'refund.processing' order by type`),
        steps: await rows(`select to_state from order_steps
          where subject_id = '${orderId}' order by sequence`),
      };
      const left = end === "PAID" ? QUOTA : 0;
      const back = end === "REFUNDED" ? [`${refundId} SUCCEEDED ${PRICE}`] : [];
      const told = {
        PAID: ["order.created", "order.paid"],
        CLOSED: ["order.closed", "order.created"],
        REFUNDED: ["order.created", "order.paid", "refund.requested", "refund.succeeded"],
      };
      const steps = { PAID: ["PAID"], CLOSED: ["CLOSED"], REFUNDED: ["PAID", "REFUNDED"] };
      const expected = {
        order: [end],
        payments: end === "CLOSED" ? [] : [`GRANTED ${PRICE}`],
        refunds: back,
        sentBack: back,
        lots: end === "CLOSED" ? [] : [`${QUOTA} ${left}`],
        balance: [String(left)],
        events: told[end],
        steps: ["CREATED", "PENDING", ...steps[end]],
      };
      assert.deepEqual(found, expected, JSON.stringify(point));
      if (end === "CLOSED") assert.equal(isPayable(subject), false, JSON.stringify(point));
    };

    it("books what was paid, closes what was not, and pays back, once", async () => {
      // The first ones read the catalogue, too.
      for (const story of STORIES) await findPoints(story);
      const known: Point[] = [];
      for (const story of STORIES) known.push(...(await findPoints(story)));
      assert.ok(known.length > 40, `${known.length} steps`);
      const points = at === 0 ? known : known.filter((_, index) => index % SAMPLE === 0);
      points.push(...STORIES.flatMap(callPoints));
      while (points.length > 0) {
        const standing: { readonly subject: Subject; readonly point: Point }[] = [];
        const lanes = new Set<number>();
        for (const point of points.splice(0, GROUP)) {
          const subject = await newSubject(point.story, lanes);
          assert.ok(await runUpTo(subject, point), `it got by ${JSON.stringify(point)}`);
          standing.push({ subject, point });
          // Every second one is paid in this very moment, if it still can be.
          const isRaced =
            (point.story === "expired" || point.story === "closed") && standing.length % 2 === 0;
          if (isRaced && isPayable(subject)) simulator.user.pay(subject.orderId);
        }
        await victim.kill();
        proxy.cut();
        simulator.faults.clear();
        await recover(standing.map(({ subject }) => subject));
        for (const { subject, point } of standing) await assertWhole(subject, point);
        victim = await startVictim(childOptions);
      }
      assert.deepEqual(await bookFaults(bank.sql), []);
    });
  });
}

interface Victim {
  run(task: Task): Promise<void>;
  kill(): Promise<void>;
}

async function startVictim(optionsFile: string): Promise<Victim> {
  const words = ["test/support/checker-child.ts", optionsFile];
  const program: Program = startProgram(words, { cwd: ROOT });
  const { port } = JSON.parse(await program.line(/"port"/)) as { readonly port: number };
  const dead = new AbortController();
  return {
    async run(task) {
      const { signal } = dead;
      const request = { method: "POST", body: JSON.stringify(task), signal };
      const response = await fetch(`http://127.0.0.1:${port}/`, request).catch((fault: unknown) => {
        if (signal.aborted) return undefined;
        throw fault;
      });
      assert.ok(response === undefined || response.ok, program.lines.join("\n"));
    },
    async kill() {
      dead.abort();
      program.kill("SIGKILL");
      await program.exited;
    },
  };
}

/** Another server on the same database: it sells, and looks when it is asked to, late. */
async function openElsewhere(bank: Bank, merchant: WechatOptions) {
  const orm = await openOrm({ url: bank.url, poolMax: 8 });
  const observer = noting([]);
  const gateway = createGateway(merchant, { log: keepingLog().log, observer });
  const parts = { teller: bank.teller, reader: createOrderReader(orm, TEST_SEALER), gateway };
  const cashier = createCashier(parts);
  const checker = startPaymentChecker({
    parts,
    finder: createDueFinder(orm, bank.context),
    retryNotices: async () => 0,
    now: () => Date.now() + LATE_MS,
    intervalMs: 2 ** 31 - 1,
    observer,
  });
  return {
    cashier,
    async check() {
      await makeDue(bank.sql);
      await checker.check();
    },
    /** The caller comes again with the same key; that somebody has paid is an answer, too. */
    async closeOrder({ orderId, closeKey }: Subject) {
      const input = { orderId, reason: "a test", source: "CALL" } as const;
      await cashier.closeOrder(command(input, { key: closeKey })).catch((refused: unknown) => {
        const isPaid = refused instanceof Refusal && refused.reason === "ORDER_NOT_PAYABLE";
        if (!isPaid) throw refused;
      });
    },
    async close() {
      await checker.stop();
      await gateway.close();
      await closeOrm(orm);
    },
  };
}
