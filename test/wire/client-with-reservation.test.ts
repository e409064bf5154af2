import assert from "node:assert/strict";

import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import { refundQuota } from "../../src/billing/quota/refund-quota.ts";
import type { ReservationId } from "../../src/billing/id.ts";
import {
  connect,
  deliverWaiting,
  HoldLostError,
  isReason,
  reserveKey,
  sendWith,
  Spool,
  StepFailedError,
  TaskAlreadyDoneError,
  UnsettledError,
  withReservation,
  type BillingClient,
  type ReservedTask,
  type SettlementReport,
} from "../../src/client/index.ts";
import { PLAIN_FEATURE, unique } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { flavours, freshDirectory } from "../support/servers.ts";
import { startTestService, tokenOf, type TestService } from "../support/service.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

/** What a call may take before it counts as unanswered; answers take a hundredth of it. */
const DEADLINE_MS = 5_000;

describe("withReservation", () => {
  let service: TestService;
  let proxy: TcpProxy;
  let client: BillingClient;
  let task: ReservedTask;
  let reports: SettlementReport[];
  const onSettled = (report: SettlementReport): void => void reports.push(report);

  before(async () => {
    service = await startTestService(flavours()[0]!);
    proxy = await startTcpProxy(service.server.port);
  });
  after(async () => {
    await proxy.stop();
    await service.close();
  });

  beforeEach(async () => {
    client = connectClient();
    const userId = await service.bank.member(100);
    task = { userId, featureId: PLAIN_FEATURE, taskId: unique("task"), quantity: 10 };
    reports = [];
  });
  afterEach(async () => {
    proxy.unblock();
    client.close();
    assert.deepEqual(await bookFaults(service.bank.sql), []);
  });

  function connectClient(): BillingClient {
    return connect({
      address: proxy.address,
      token: tokenOf("pipeline"),
      callerDeadlineMs: DEADLINE_MS,
      retry: { initialBackoffMs: 5, maxBackoffMs: 50, budgetTokens: 1_000 },
    });
  }

  async function stored(): Promise<Record<string, unknown>[]> {
    return service.bank.sql(
      `select state, committed_amount, refunded_amount, refund_reason, failed_step from quota_reservations
       where task_id = '${task.taskId}' order by create_time, reservation_id`,
    );
  }

  async function available(): Promise<bigint> {
    const [row] = await service.bank.sql(
      `select quota_remaining from users where user_id = '${task.userId}'`,
    );
    return BigInt(String(row?.["quota_remaining"]));
  }

  /** Looks again until it is so; what is waited for happens in the service, which tells nobody. */
  async function until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) await new Promise(setImmediate);
  }

  it("charges what the work says that it has used, and gives its value", async () => {
    const outcome = await withReservation(
      client,
      task,
      async ({ reservation, attempt }) => {
        assert.deepEqual([reservation.amount, attempt, await available()], [10n, 1, 90n]);
        return { value: "video.mp4", actualAmount: 4n };
      },
      { onSettled },
    );
    assert.equal(outcome.value, "video.mp4");
    assert.equal(outcome.settlement, "COMMITTED");
    assert.equal(outcome.reservation.committedAmount, 4n);
    assert.equal(await available(), 96n);
    assert.deepEqual(
      reports.map(({ settlement }) => settlement),
      ["COMMITTED"],
    );
  });

  it("gives everything back for whatever the work throws, says why, and throws it on", async () => {
    const thrown = new StepFailedError("upscale\u001b[0m", "vendor hung up", {
      reason: "UPSTREAM_ERROR",
    });
    const outcome = withReservation(client, task, () => Promise.reject(thrown), { onSettled });
    await assert.rejects(outcome, (error) => error === thrown);
    assert.equal(await available(), 100n);
    const [row] = await stored();
    assert.deepEqual(
      [row!["state"], row!["refund_reason"], row!["failed_step"]],
      ["REFUNDED", "UPSTREAM_ERROR", "upscale [0m"],
    );
    assert.deepEqual(
      reports.map(({ settlement }) => settlement),
      ["REFUNDED"],
    );
  });

  it("gives everything back when the work throws before it has made a promise", async () => {
    const outcome = withReservation(client, task, () => {
      throw new TypeError("a bug");
    });
    await assert.rejects(outcome, TypeError);
    assert.equal((await stored())[0]!["refund_reason"], "SYSTEM_ERROR");
  });

  it("gives back though the naming of the fault fails itself", async () => {
    const faultOf = (): never => {
      throw new Error("naming failed");
    };
    await assert.rejects(
      withReservation(client, task, () => Promise.reject(new Error("no frames")), { faultOf }),
      /no frames/,
    );
    assert.equal((await stored())[0]!["state"], "REFUNDED");
  });

  it("runs nothing and holds nothing for a task that was cancelled before its start", async () => {
    const cancel = new AbortController();
    const impatient = connect({
      address: proxy.address,
      // Cancelled while the hold is being asked for.
      token: () => {
        cancel.abort(new Error("user left"));
        return tokenOf("pipeline");
      },
    });
    const work = (): never => assert.fail("the work ran");
    const cancelled = { ...task, signal: cancel.signal };
    await assert.rejects(withReservation(impatient, cancelled, work), /user left/);
    impatient.close();
    const [row] = await stored();
    assert.deepEqual(
      [row!["state"], row!["refund_reason"]],
      ["REFUNDED", "CANCELLED_BEFORE_START"],
    );
    await assert.rejects(withReservation(client, cancelled, work), /user left/);
    assert.equal((await stored()).length, 1);
  });

  it("continues under the same hold when a run starts over after a crash", async () => {
    const { userId, featureId, taskId, quantity } = task;
    const key = reserveKey({ userId, featureId, taskId, attempt: 1 });
    const crashed = await client.reserve({
      ...task,
      quantity,
      idempotencyKey: key,
      ttlMs: 900_000,
    });
    const outcome = await withReservation(client, task, async ({ reservation, attempt }) => {
      assert.equal(attempt, 1);
      return { value: reservation.reservationId };
    });
    assert.equal(outcome.value, crashed.reservation.reservationId);
    assert.equal(await available(), 90n);
  });

  it("takes a new hold for a task that is tried again after a failure, and none after a success", async () => {
    for (const name of ["first", "second"]) {
      await assert.rejects(
        withReservation(client, task, () => Promise.reject(new Error(name))),
        { message: name },
      );
    }
    const outcome = await withReservation(client, task, async ({ attempt }) => ({
      value: attempt,
    }));
    assert.equal(outcome.value, 3);
    const again = withReservation(client, task, () => assert.fail("the work ran again"));
    await assert.rejects(
      again,
      (error) => error instanceof TaskAlreadyDoneError && error.reservation.committedAmount === 10n,
    );
    assert.deepEqual(
      (await stored()).map(({ state }) => state),
      ["REFUNDED", "REFUNDED", "COMMITTED"],
    );
    assert.equal(await available(), 90n);
  });

  it("keeps the hold alive while the work goes on", async () => {
    const short = { ...task, ttlMs: 1_000 };
    await withReservation(
      client,
      short,
      async ({ reservation }) => {
        const firstEndMs = reservation.expireTime!.getTime();
        const now = () => client.getReservation(reservation.reservationId);
        await until(async () => (await now()).expireTime!.getTime() > firstEndMs + 200);
        return { value: null };
      },
      { heartbeatFraction: 0.1 },
    );
    assert.equal((await stored())[0]!["state"], "COMMITTED");
  });

  it("tells the work when another program takes its hold away", async () => {
    const short = { ...task, ttlMs: 1_000 };
    const outcome = withReservation(
      client,
      short,
      async ({ reservation, signal }) => {
        const reservationId = reservation.reservationId as ReservationId;
        const refund = {
          target: { reservationId },
          reason: "SYSTEM_ERROR",
          failedStep: "",
          detail: "",
        } as const;
        await service.bank.send(refundQuota, refund);
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        throw signal.reason;
      },
      { heartbeatFraction: 0.1, onSettled },
    );
    await assert.rejects(outcome, HoldLostError);
    assert.equal(await available(), 100n);
  });

  it("tells the work when no heartbeat has come through for the life of the hold", async () => {
    const outcome = withReservation(client, { ...task, ttlMs: 1_000 }, async ({ signal }) => {
      proxy.block();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      proxy.unblock();
      throw signal.reason;
    });
    await assert.rejects(outcome, /no heartbeat came through/);
    assert.equal(await available(), 100n);
  });

  it("never gives back what another run of the same task has done and committed", async () => {
    const outcome = withReservation(
      client,
      task,
      async ({ reservation }) => {
        const reservationId = reservation.reservationId as ReservationId;
        await service.bank.send(commitQuota, { reservationId, actualAmount: 7n });
        throw new Error("this run has failed");
      },
      { onSettled },
    );
    await assert.rejects(outcome, /this run has failed/);
    assert.deepEqual(
      reports.map(({ settlement }) => settlement),
      ["COMMITTED_BY_ANOTHER"],
    );
    assert.equal(await available(), 93n);
  });

  it("takes the commit of another run of the same task for its own", async () => {
    const outcome = await withReservation(client, task, async ({ reservation }) => {
      const reservationId = reservation.reservationId as ReservationId;
      await service.bank.send(commitQuota, { reservationId, actualAmount: 7n });
      return { value: "done twice" };
    });
    assert.equal(outcome.reservation.committedAmount, 7n);
    assert.equal(await available(), 93n);
  });

  it("hands out no value that it can't charge", async () => {
    const outcome = withReservation(
      client,
      task,
      async () => ({ value: "free?", actualAmount: 11n }),
      { onSettled },
    );
    await assert.rejects(outcome, (error) => isReason(error, "COMMIT_EXCEEDS_RESERVATION"));
    assert.deepEqual(
      reports.map(({ settlement }) => settlement),
      ["REFUNDED"],
    );
    assert.equal(await available(), 100n);
  });

  it("refuses what the service refuses, before any work", async () => {
    const greedy = withReservation(client, { ...task, quantity: 101 }, () =>
      assert.fail("the work ran"),
    );
    await assert.rejects(greedy, (error) => isReason(error, "QUOTA_INSUFFICIENT"));
  });

  describe("while the service can't be reached", () => {
    /** A round of another program, once the service is back. */
    async function deliverLater(spool: Spool): Promise<number> {
      proxy.unblock();
      const other = connectClient();
      const { delivered } = await deliverWaiting(spool, sendWith(other), { all: true });
      other.close();
      return delivered;
    }

    const fail = (): Promise<never> => {
      proxy.block();
      return Promise.reject(new Error("the work has failed"));
    };

    it("repeats a commit whose answer got lost until it is known; it is charged once", async () => {
      const outcome = withReservation(client, task, async () => {
        proxy.holdAnswers();
        void until(async () => (await stored())[0]!["state"] === "COMMITTED").then(() =>
          proxy.unblock(),
        );
        return { value: "v" };
      });
      assert.equal((await outcome).settlement, "COMMITTED");
      assert.equal(await available(), 90n);
    });

    it("spools a commit, and charges it once when the service is back", async () => {
      const spool = await Spool.open(await freshDirectory());
      const outcome = await withReservation(
        client,
        task,
        async () => {
          proxy.block();
          return { value: "v", actualAmount: 6n };
        },
        { spool, onSettled },
      );
      assert.deepEqual([outcome.value, outcome.settlement], ["v", "COMMIT_SPOOLED"]);
      assert.equal(await available(), 90n);
      assert.equal(await deliverLater(spool), 1);
      assert.equal(await available(), 94n);
    });

    it("spools a refund, throws what the work threw, and gives back once when the service is back", async () => {
      const spool = await Spool.open(await freshDirectory());
      await assert.rejects(
        withReservation(client, task, fail, { spool, onSettled }),
        /the work has failed/,
      );
      assert.deepEqual(
        reports.map(({ settlement }) => settlement),
        ["REFUND_SPOOLED"],
      );
      assert.equal(await available(), 90n);
      assert.equal(await deliverLater(spool), 1);
      assert.equal(await deliverLater(spool), 0);
      assert.equal(await available(), 100n);
    });

    it("says so when neither the service nor a spool can be told, with what the work threw", async () => {
      const outcome = withReservation(client, task, fail, { settleDeadlineMs: 1 });
      const error = await outcome.catch((thrown: unknown) => thrown);
      assert.ok(error instanceof UnsettledError);
      assert.equal(error.intent, "REFUND");
      assert.match(String(error.cause), /the work has failed/);
    });

    it("never gives back what it may have charged", async () => {
      const outcome = withReservation(
        client,
        task,
        async () => {
          proxy.holdAnswers();
          return { value: "v" };
        },
        { settleDeadlineMs: 1, onSettled },
      );
      const error = await outcome.catch((thrown: unknown) => thrown);
      assert.ok(error instanceof UnsettledError);
      assert.equal(error.intent, "COMMIT");
      assert.deepEqual(reports, []);
      assert.equal((await stored())[0]!["state"], "COMMITTED");
    });
  });
});
