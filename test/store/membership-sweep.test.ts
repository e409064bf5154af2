import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { MikroORM } from "@mikro-orm/mysql";
import { DAY_MS } from "../../src/billing/clock.ts";
import type { OrderId, PlanId, UserId } from "../../src/billing/id.ts";
import { resumeUser, suspendUser } from "../../src/billing/membership/suspend-user.ts";
import { placeOrder } from "../../src/billing/order/place-order.ts";
import { requestRefund } from "../../src/billing/order/request-refund.ts";
import { settlePayment } from "../../src/billing/order/settle-payment.ts";
import { settleRefund } from "../../src/billing/order/settle-refund.ts";
import { grantQuota } from "../../src/billing/quota/grant-quota.ts";
import { Refusal } from "../../src/billing/refusal.ts";
import { startMembershipSweeper } from "../../src/job/membership-sweeper.ts";
import { createMembershipFinder } from "../../src/store/membership-finder.ts";
import { createMembershipReader } from "../../src/store/membership-books.ts";
import { readMembershipStep } from "../../src/store/membership-rows.ts";
import { closeOrm, openOrm } from "../../src/store/orm.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openBank, unique, type Bank } from "../support/bank.ts";
import { execute, flavours } from "../support/servers.ts";

/** The trial that the seeded catalogue gives. */
const TRIAL_MS = 7 * DAY_MS;
const NEVER_MS = 2 ** 31 - 1;
const SWEEPING = new URL("../support/membership-sweep-child.ts", import.meta.url).pathname;

for (const flavour of flavours()) {
  describe(`the record of memberships on ${flavour}`, () => {
    let bank: Bank;
    let orm: MikroORM;
    beforeEach(async () => {
      bank = await openBank(flavour);
      orm = await openOrm({ url: bank.url, poolMax: 4 });
      await orm.em.fork().execute("select 1");
    });
    afterEach(async () => {
      await closeOrm(orm);
      await bank.close();
    });

    const sweeperOf = (of: Bank, faults: unknown[] = []) =>
      startMembershipSweeper({
        teller: of.teller,
        finder: createMembershipFinder(orm, of.context),
        intervalMs: NEVER_MS,
        aheadMs: 3 * DAY_MS,
        observer: { swept() {}, failed: (fault) => void faults.push(fault) },
      });
    const record = async (userId: UserId) => {
      const rows = await bank.sql(
        `select * from membership_transitions where user_id = '${userId}' order by sequence`,
      );
      return rows.map(readMembershipStep);
    };
    const events = async (type: string) => {
      const rows = await bank.sql(`select user_id from outbox_events where type = '${type}'`);
      return rows.map((row) => row["user_id"] as string).sort();
    };
    const order = async (userId: UserId): Promise<OrderId> => {
      const product = { planId: "membership-monthly" as PlanId };
      const nobody = { payerOpenid: null, clientIp: null };
      const input = { userId, product, quantity: 2, channel: "NATIVE", ...nobody } as const;
      return (await bank.send(placeOrder, input)).answer.orderId;
    };
    const pay = async (userId: UserId, orderId: OrderId, now = Date.now()) => {
      const trade = {
        outTradeNo: orderId,
        state: "SUCCESS",
        transactionId: unique("4200"),
        totalFen: 19_800n,
        payerTotalFen: 19_800n,
        currency: "CNY",
        successTimeMs: now,
        payerOpenid: "o",
        tradeType: "NATIVE",
      } as const;
      return bank.send(settlePayment, { orderId, trade, source: "CALLBACK" }, { userId });
    };

    it("keeps every change with its cause, from the registration to the end", async () => {
      const userId = await bank.member(20);
      const orderId = await order(userId);
      await pay(userId, orderId);
      await bank.send(suspendUser, { userId, reason: "chargebacks" });
      await bank.send(resumeUser, { userId, reason: "cleared" });
      const input = { orderId, amountFen: 9_900n, reason: "test", paymentId: null, userId };
      const { refundId, refund } = (await bank.send(requestRefund, input)).answer;
      const trade = {
        outRefundNo: refundId,
        outTradeNo: orderId,
        transactionId: null,
        providerRefundId: "50",
        status: "CLOSED",
        amountFen: refund!.amountFen,
        totalFen: 19_800n,
        successTimeMs: null,
      } as const;
      await bank.send(settleRefund, { orderId, refundId, trade, source: "QUERY" }, { userId });
      bank.advance(62 * DAY_MS);
      const sweeper = sweeperOf(bank);
      await sweeper.sweep();
      await sweeper.stop();
      const steps = await record(userId);
      assert.deepEqual(
        steps.map(({ event, source, orderId: of, refundId: by }) => [event, source, of, by]),
        [
          ["REGISTERED", "CALL", null, null],
          ["ACTIVATED", "CALLBACK", orderId, null],
          ["SUSPENDED", "CALL", null, null],
          ["RESUMED", "CALL", null, null],
          ["SHORTENED", "CALL", orderId, refundId],
          ["RESTORED", "QUERY", orderId, refundId],
          ["LAPSED", "CLOCK", null, null],
        ],
      );
      assert.deepEqual(
        steps.map(({ sequence }) => sequence),
        [1, 2, 3, 4, 5, 6, 7],
      );
      for (const [at, step] of steps.slice(1).entries()) {
        assert.deepEqual(
          [step.fromState, step.endBeforeMs],
          [steps[at]!.toState, steps[at]!.endAfterMs],
        );
      }
      assert.equal(steps[2]!.note, "chargebacks");
      const [row] = await bank.sql(
        `select membership_state, membership_steps from users where user_id = '${userId}'`,
      );
      assert.deepEqual([row!["membership_state"], Number(row!["membership_steps"])], ["LAPSED", 7]);
      for (const sql of [
        "update membership_transitions set note = 'x'",
        "delete from membership_transitions",
      ]) {
        await assert.rejects(execute(bank.url, sql), /append-only/);
      }
    });

    it("gets each end once, and each notice once, with two servers sweeping at once", async () => {
      const other = await openBank(flavour, { url: bank.url });
      const faults: unknown[] = [];
      const users = await Promise.all(Array.from({ length: 600 }, () => bank.member(20)));
      for (const each of [bank, other]) each.advance(TRIAL_MS - DAY_MS);
      const sweepers = [sweeperOf(bank, faults), sweeperOf(other, faults)];
      try {
        const all = () => Promise.all([...sweepers, ...sweepers].map((sweeper) => sweeper.sweep()));
        const count = async (state: string) =>
          Number((await bank.sql(`select count(*) as n from users where ${state}`))[0]!["n"]);
        while ((await count("expiry_told = 0")) > 0) await all();
        assert.deepEqual(await events("membership.expiring"), [...users].sort());
        for (const each of [bank, other]) each.advance(2 * DAY_MS);
        while ((await count("membership_state <> 'LAPSED'")) > 0) await all();
        assert.deepEqual(await events("membership.lapsed"), [...users].sort());
        const twice = await bank.sql(
          "select user_id from membership_transitions where event = 'LAPSED' group by user_id having count(*) <> 1",
        );
        assert.deepEqual(twice, []);
        assert.deepEqual(
          await all(),
          [1, 2, 3, 4].map(() => ({ lapsed: 0, told: 0 })),
        );
        assert.deepEqual(faults, []);
      } finally {
        await Promise.all(sweepers.map((sweeper) => sweeper.stop()));
        await other.close();
      }
    });

    it("misses none and records none twice when a sweeping server is killed again and again", async () => {
      const users = await Promise.all(Array.from({ length: 120 }, () => bank.member(20)));
      const lapsed = async () =>
        Number(
          (
            await bank.sql(
              "select count(*) as n from membership_transitions where event = 'LAPSED'",
            )
          )[0]!["n"],
        );
      // Each child is killed once it has done something more than the one before.
      for (let before = 0; before < users.length; before = await lapsed()) {
        const child = spawn(process.execPath, [SWEEPING, bank.url, String(TRIAL_MS)], {
          stdio: ["ignore", "ignore", "inherit"],
        });
        const ended = once(child, "exit");
        while (child.exitCode === null && (await lapsed()) === before);
        child.kill("SIGKILL");
        await ended;
      }
      assert.deepEqual(await events("membership.lapsed"), [...users].sort());
      const wrong =
        await bank.sql(`select u.user_id from users u where u.membership_state <> 'LAPSED'
        or u.membership_steps <> (select count(*) from membership_transitions t where t.user_id = u.user_id)`);
      assert.deepEqual(wrong, []);
    });

    it("gives users who are there already the state that they have, once", async () => {
      const [trial, paid, over] = await Promise.all([1, 2, 3].map(() => bank.member(20)));
      await bank.sql(`update users set on_trial = 0 where user_id in ('${paid}', '${over}')`);
      await bank.sql(
        `update users set membership_until = now(3) - interval 9 hour where user_id = '${over}'`,
      );
      for (const index of ["users_membership", "users_expiry"])
        await execute(bank.url, `drop index ${index} on users`);
      for (const column of ["membership_state", "membership_steps", "expiry_told"]) {
        await execute(bank.url, `alter table users drop column ${column}`);
      }
      await execute(bank.url, "drop table membership_transitions");
      for (let times = 0; times < 2; times++) {
        await execute(bank.url, "delete from mikro_orm_migrations where name like '%membership'");
        await migrate({ url: bank.url, warn: () => {} });
        const rows = await bank.sql(
          "select user_id, membership_state as state, membership_steps as n from users",
        );
        const states = Object.fromEntries(
          rows.map((row) => [row["user_id"], [row["state"], Number(row["n"])]]),
        );
        assert.deepEqual(states, {
          [trial!]: ["TRIAL", 0],
          [paid!]: ["ACTIVE", 0],
          [over!]: ["LAPSED", 0],
        });
      }
    });

    it("shows the quota that waits for the next period, while one waits", async () => {
      const reader = createMembershipReader(orm, bank.context);
      const userId = await bank.member(20);
      assert.equal(await reader.findNextQuota(userId), undefined);
      await pay(userId, await order(userId));
      const next = await reader.findNextQuota(userId);
      const [first, second] = (await bank.sql(
        `select effective_time, expire_time, amount from quota_grants where user_id = '${userId}' and source_kind = 'ORDER' order by effective_time`,
      )) as { expire_time: string; amount: number }[];
      const ms = (text: string) => Date.parse(`${text.replace(" ", "T")}Z`);
      assert.deepEqual(next, {
        amount: BigInt(second!.amount),
        startTimeMs: ms(first!.expire_time),
        expireTimeMs: ms(second!.expire_time),
      });
      bank.advance(32 * DAY_MS);
      assert.equal(await reader.findNextQuota(userId), undefined, "it has begun by the clock");
    });

    it("gives no quota for an order by hand: a paid one has given it, an unpaid one may not", async () => {
      const userId = await bank.member(20);
      const orderId = await order(userId);
      const source = { kind: "ORDER", id: orderId } as const;
      const refused = (reason: string, facts: object) =>
        assert.rejects(bank.send(grantQuota, { userId, source }), (fault) => {
          assert.ok(fault instanceof Refusal);
          assert.deepEqual([fault.reason, fault.facts], [reason, facts]);
          return true;
        });
      const facts = { sourceKind: "ORDER", sourceId: orderId };
      await refused("GRANT_SOURCE_UNLAWFUL", facts);
      await pay(userId, orderId);
      const [lot] = await bank.sql(
        `select grant_id from quota_grants where source_id = '${orderId}'`,
      );
      await refused("GRANT_SOURCE_USED", { ...facts, grantId: lot!["grant_id"] });
      const stranger = await bank.member(20);
      await assert.rejects(bank.send(grantQuota, { userId: stranger, source }), {
        reason: "GRANT_SOURCE_UNLAWFUL",
      });
    });

    it("gives back what a closed refund had taken of a waiting lot's rest", async () => {
      const userId = await bank.member(0);
      const orderId = await order(userId);
      await pay(userId, orderId);
      const back = async (amountFen: bigint) => {
        const input = { orderId, amountFen, reason: "test", paymentId: null, userId };
        return (await bank.send(requestRefund, input)).answer;
      };
      await back(4_950n);
      bank.advance(32 * DAY_MS);
      const { refundId } = await back(2_475n);
      // The rest of the second month's lot, which the first refund has made, is used up meanwhile.
      const available = (await bank.reader.findBalance(userId))!.available;
      await bank.reserve(userId, { quantity: Number(available) });
      const trade = {
        outRefundNo: refundId,
        outTradeNo: orderId,
        transactionId: null,
        providerRefundId: "50",
        status: "CLOSED",
        amountFen: 2_475n,
        totalFen: 19_800n,
        successTimeMs: null,
      } as const;
      await bank.send(settleRefund, { orderId, refundId, trade, source: "QUERY" }, { userId });
      const [taken] = await bank.sql(
        `select revoked_amount as n from refunds where refund_id = '${refundId}'`,
      );
      assert.equal(Number(taken!["n"]), 0);
      assert.ok((await bank.reader.findBalance(userId))!.available > 0n);
    });
  });
}
