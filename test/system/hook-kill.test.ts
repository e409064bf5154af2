import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { createConnection, type Connection } from "mysql2/promise";

import type { ReservationId, UserId } from "../../src/billing/id.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import { Spool } from "../../src/client/index.ts";
import { openBank, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { flavours, freshDirectory } from "../support/servers.ts";
import { tokenOf } from "../support/service.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import {
  killLeftovers,
  startHook,
  startServiceProcess,
  type HookOptions,
  type HookProcess,
  type ServiceProcess,
} from "./hook-processes.ts";

/** A hold or a charge of 7 units of a user who had 100. */
const QUOTA = 100;
const HELD = 7;

for (const flavour of flavours()) {
  describe(`billing-hook refund on ${flavour}: whoever is killed, the quota comes back once`, () => {
    let bank: Bank;
    let service: ServiceProcess;
    let proxy: TcpProxy;
    let env: Record<string, string>;
    let userId: UserId;
    let reservationId: ReservationId;

    before(async () => {
      bank = await openBank(flavour);
      service = await startServiceProcess(bank.url);
      proxy = await startTcpProxy(service.port);
    });
    after(async () => {
      await killLeftovers();
      await proxy.stop();
      await bank.close();
    });

    beforeEach(async () => {
      const directory = await freshDirectory();
      const tokenFile = join(directory, "token");
      await writeFile(tokenFile, `${tokenOf("pipeline")}\n`);
      env = {
        BILLING_ADDRESS: proxy.address,
        BILLING_TOKEN_FILE: tokenFile,
        BILLING_SPOOL_DIR: join(directory, "spool"),
      };
      userId = await bank.member(QUOTA);
      reservationId = (await bank.reserve(userId, { quantity: HELD })).reservationId;
    });

    const words = (): string[] => [
      "refund",
      "--reservation",
      reservationId,
      "--reason",
      "STEP_FAILED",
      "--step",
      "render",
    ];
    const hook = (options: HookOptions = {}): HookProcess =>
      startHook(words(), { env, ...options });
    /** A hook that will find nobody there: it needn't try for long. */
    const hookInVain = (): HookProcess => startHook([...words(), "--deadline-ms", "500"], { env });
    /** One whose call gets as far as the service, even on a slow machine, and no further. */
    const hookHalfway = (): HookProcess =>
      startHook([...words(), "--deadline-ms", "3000"], { env });

    /** A new service process in the place of the dead one. */
    async function restart(): Promise<void> {
      await service.kill();
      service = await startServiceProcess(bank.url);
      proxy.leadTo(service.port);
      proxy.unblock();
    }

    async function states(): Promise<unknown[]> {
      const rows = await bank.sql(
        `select state from quota_reservations where user_id = '${userId}' and quantity = ${HELD}`,
      );
      return rows.map(({ state }) => state);
    }

    /** Delivers what waits; then the quota is back, by one movement, and the spool is empty. */
    async function assertRefundedOnce(): Promise<void> {
      const { exitCode, report, stderr } = await startHook(["flush"], { env }).end;
      assert.equal(exitCode, 0, stderr);
      assert.deepEqual(
        [report!["waiting"], report!["claimed"], report!["dead"]],
        [0, 0, 0],
        JSON.stringify(report),
      );
      const refunds = await bank.sql(
        `select l.reservation_id from quota_logs l where l.user_id = '${userId}' and l.type = 'REFUND'`,
      );
      assert.deepEqual(
        refunds.map((row) => row["reservation_id"]),
        [reservationId],
      );
      const [user] = await bank.sql(
        `select quota_remaining, quota_held from users where user_id = '${userId}'`,
      );
      assert.deepEqual([Number(user!["quota_remaining"]), Number(user!["quota_held"])], [QUOTA, 0]);
      assert.deepEqual(await states(), ["REFUNDED"]);
      assert.deepEqual(await bookFaults(bank.sql), []);
    }

    /** Locks the user's row: the service has the call then, and can't decide it. */
    async function lockUser(): Promise<Connection> {
      const holder = await createConnection(bank.url);
      await holder.beginTransaction();
      await holder.query(`select user_id from users where user_id = '${userId}' for update`);
      return holder;
    }

    /** The service asks for the row that we have locked. It tells nobody, so we look. */
    async function untilBlocked(): Promise<void> {
      const asking = `select id from information_schema.processlist
        where info like '%${userId}%for update%' and info not like '%processlist%'`;
      while ((await bank.sql(asking)).length === 0) await new Promise(setImmediate);
    }

    async function untilRefunded(): Promise<void> {
      while ((await states())[0] !== "REFUNDED") await new Promise(setImmediate);
    }

    async function unlock(holder: Connection): Promise<void> {
      await holder.rollback();
      await holder.end();
    }

    it("nobody is: it is delivered, and a second hook changes nothing", async () => {
      const first = await hook().end;
      assert.deepEqual([first.exitCode, first.report!["outcome"]], [0, "DELIVERED"], first.stderr);
      const second = await hook().end;
      assert.deepEqual([second.exitCode, second.report!["replayed"]], [0, true]);
      await assertRefundedOnce();
    });

    it("the service, before the hook calls", async () => {
      await service.kill();
      const { exitCode, report } = await hookInVain().end;
      assert.deepEqual([exitCode, report!["outcome"]], [0, "SPOOLED"]);
      assert.deepEqual(await states(), ["HELD"]);
      await restart();
      await assertRefundedOnce();
    });

    it("the service, with the call in its hands and nothing decided", async () => {
      const holder = await lockUser();
      const running = hookHalfway();
      await untilBlocked();
      await service.kill();
      const { exitCode, report } = await running.end;
      await unlock(holder);
      assert.deepEqual([exitCode, report!["outcome"]], [0, "SPOOLED"]);
      await restart();
      await assertRefundedOnce();
    });

    it("the service, after its commit and before its answer", async () => {
      const holder = await lockUser();
      const running = hookHalfway();
      await untilBlocked();
      proxy.holdAnswers();
      await unlock(holder);
      await untilRefunded();
      await service.kill();
      const { exitCode, report } = await running.end;
      assert.deepEqual([exitCode, report!["outcome"]], [0, "SPOOLED"]);
      await restart();
      await assertRefundedOnce();
    });

    it("the service, after a commit of the task: what was spent comes back", async () => {
      await bank.send(commitQuota, { reservationId, actualAmount: 3n });
      await service.kill();
      assert.equal((await hookInVain().end).report!["outcome"], "SPOOLED");
      await restart();
      await assertRefundedOnce();
    });

    it("the hook, right after it has written the refund under a temporary name", async () => {
      assert.equal((await hook({ diesAfter: "WRITTEN" }).end).signal, "SIGKILL");
      assert.deepEqual(await states(), ["HELD"]);
      await assertRefundedOnce();
    });

    it("the hook, right after it has spooled the refund", async () => {
      assert.equal((await hook({ diesAfter: "SPOOLED" }).end).signal, "SIGKILL");
      assert.deepEqual(await states(), ["HELD"]);
      await assertRefundedOnce();
    });

    it("the hook, while the service works on its call", async () => {
      const holder = await lockUser();
      const running = hookHalfway();
      await untilBlocked();
      await running.kill();
      await unlock(holder);
      await assertRefundedOnce();
    });

    it("the hook and the service, with the call in their hands and nothing decided", async () => {
      const holder = await lockUser();
      const running = hook();
      await untilBlocked();
      await Promise.all([running.kill(), service.kill()]);
      await unlock(holder);
      assert.deepEqual(await states(), ["HELD"]);
      await restart();
      await assertRefundedOnce();
    });

    it("the hook and the service, after the commit and before the answer", async () => {
      const holder = await lockUser();
      const running = hookHalfway();
      await untilBlocked();
      proxy.holdAnswers();
      await unlock(holder);
      await untilRefunded();
      await Promise.all([running.kill(), service.kill()]);
      await restart();
      await assertRefundedOnce();
    });

    it("the hook, with the answer in its hands", async () => {
      assert.equal((await hook({ diesAfter: "ANSWERED" }).end).signal, "SIGKILL");
      assert.deepEqual(await states(), ["REFUNDED"]);
      await assertRefundedOnce();
    });

    it("the hook, right after it has removed the refund from the spool", async () => {
      assert.equal((await hook({ diesAfter: "REMOVED" }).end).signal, "SIGKILL");
      await assertRefundedOnce();
    });

    it("a flush, at each of its steps in turn", async () => {
      proxy.block();
      assert.equal((await hookInVain().end).report!["outcome"], "SPOOLED");
      proxy.unblock();
      for (const diesAfter of ["CLAIMED", "ANSWERED"]) {
        assert.equal((await startHook(["flush"], { env, diesAfter }).end).signal, "SIGKILL");
      }
      await assertRefundedOnce();
    });

    it("a flush that buries what the service refuses, at each of its steps in turn", async () => {
      const other = await bank.member(QUOTA);
      const { reservationId: stranger } = await bank.reserve(other, { quantity: HELD });
      const unknown = stranger.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
      const refuse = [
        "refund",
        "--reservation",
        unknown,
        "--reason",
        "TIMEOUT",
        "--deadline-ms",
        "500",
      ];
      proxy.block();
      assert.equal((await startHook(refuse, { env }).end).report!["outcome"], "SPOOLED");
      proxy.unblock();
      for (const diesAfter of ["ANSWERED", "BURIED"]) {
        assert.equal((await startHook(["flush"], { env, diesAfter }).end).signal, "SIGKILL");
      }
      const { exitCode, report } = await startHook(["flush"], { env }).end;
      assert.deepEqual(
        [exitCode, report!["refused"], report!["dead"], report!["waiting"], report!["claimed"]],
        [1, 1, 1, 0, 0],
      );
      const [dead] = await (await Spool.open(env["BILLING_SPOOL_DIR"]!)).dead();
      assert.equal(dead?.burial.reason, "RESERVATION_NOT_FOUND");
    });

    it("the connection, at any byte of the call and of the answer", async () => {
      const sent = proxy.requestBytes;
      const answered = proxy.answerBytes;
      const whole = (await hook().end).report;
      assert.equal(whole!["outcome"], "DELIVERED");
      const requestBytes = proxy.requestBytes - sent;
      const answerBytes = proxy.answerBytes - answered;
      assert.ok(requestBytes > 200 && answerBytes > 200);
      let spooled = 0;
      for (let part = 0; part < 6; part++) {
        reservationId = (await bank.reserve(userId, { quantity: HELD })).reservationId;
        if (part % 2 === 0) proxy.cutRequestsAfter(Math.floor((requestBytes * part) / 6));
        else proxy.cutAnswersAfter(Math.floor((answerBytes * part) / 6));
        const { exitCode, report } = await hookInVain().end;
        assert.equal(exitCode, 0);
        if (report!["outcome"] === "SPOOLED") spooled += 1;
        proxy.unblock();
        const flush = await startHook(["flush"], { env }).end;
        assert.deepEqual([flush.exitCode, flush.report!["waiting"]], [0, 0]);
        const refunds = await bank.sql(
          `select count(*) n from quota_logs where reservation_id = '${reservationId}' and type = 'REFUND'`,
        );
        assert.equal(Number(refunds[0]!["n"]), 1, `cut at part ${part}`);
      }
      assert.ok(spooled >= 4, `only ${spooled} of the cuts hit a call`);
      assert.deepEqual(await bookFaults(bank.sql), []);
    });

    it("hooks and services, again and again at random moments", async () => {
      const holds = [{ userId, reservationId }];
      while (holds.length < 6) {
        const other = await bank.member(QUOTA);
        holds.push({
          userId: other,
          reservationId: (await bank.reserve(other, { quantity: HELD })).reservationId,
        });
      }
      let killed = 0;
      for (const [index, hold] of holds.entries()) {
        reservationId = hold.reservationId;
        const running = hook();
        // Anywhere from the start of the program to long after its end.
        const death = setTimeout(() => void running.kill(), randomInt(700));
        const restarted = index % 3 === 2 ? restart() : undefined;
        if ((await running.end).signal === "SIGKILL") killed += 1;
        clearTimeout(death);
        await restarted;
      }
      // A hook that was killed before it had written anything has promised nothing: it is called
      // again.
      for (const hold of holds) {
        reservationId = hold.reservationId;
        assert.equal((await hook().end).exitCode, 0);
      }
      assert.ok(killed > 0, "no hook was killed");
      for (const hold of holds) {
        ({ userId, reservationId } = hold);
        await assertRefundedOnce();
      }
    });
  });
}
