import assert from "node:assert/strict";
import type { UserId } from "../../src/billing/id.ts";
import { registerUser } from "../../src/billing/membership/register-user.ts";
import { commitQuota } from "../../src/billing/quota/commit-quota.ts";
import { extendReservation } from "../../src/billing/quota/extend-reservation.ts";
import { refundQuota } from "../../src/billing/quota/refund-quota.ts";
import type { ReservationState } from "../../src/billing/quota/reservation.ts";
import { Refusal, type Reason } from "../../src/billing/refusal.ts";
import { startSweeper } from "../../src/job/sweeper.ts";
import { openBank, PLAIN_FEATURE, unique, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { flavours } from "../support/servers.ts";

const refusedAs = (reason: Reason) => (error: unknown) =>
  error instanceof Refusal && error.reason === reason;

const failed = { reason: "STEP_FAILED", failedStep: "", detail: "" } as const;

for (const flavour of flavours()) {
  describe(`the teller on ${flavour}`, () => {
    let bank: Bank;
    before(async () => {
      bank = await openBank(flavour);
    });
    after(() => bank.close());
    afterEach("the books agree with their ledgers", async () => {
      assert.deepEqual(await bookFaults(bank.sql), []);
    });

    it("gives exactly 100 of 500 concurrent reservations the last 100 units", async () => {
      const userId = await bank.member(100);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 500 }, () => bank.reserve(userId)),
      );
      const passed = outcomes.filter(({ status }) => status === "fulfilled");
      assert.equal(passed.length, 100);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") assert.ok(refusedAs("QUOTA_INSUFFICIENT")(outcome.reason));
      }
      const balance = await bank.reader.findBalance(userId);
      assert.deepEqual([balance?.available, balance?.held], [0n, 100n]);
    });

    it("makes one reservation of one key sent 50 times at once", async () => {
      const userId = await bank.member(100);
      const key = unique("key");
      const taskId = unique("task");
      const all = await Promise.all(
        Array.from({ length: 50 }, () => bank.reserve(userId, { key, taskId })),
      );
      for (const reservation of all) assert.deepEqual(reservation, all[0]);
      assert.equal((await bank.reader.findBalance(userId))?.held, 1n);
    });

    it("makes one reservation of one key sent through two servers at once, 40 times over", async () => {
      const other = await openBank(flavour, { url: bank.url });
      try {
        const userId = await bank.member(100);
        for (let round = 0; round < 40; round++) {
          const more = { key: unique("key"), taskId: unique("task") };
          const [here, there] = await Promise.all([
            bank.reserve(userId, more),
            other.reserve(userId, more),
          ]);
          assert.equal(here.reservationId, there.reservationId);
        }
        assert.equal((await bank.reader.findBalance(userId))?.held, 40n);
      } finally {
        await other.close();
      }
    });

    it("refuses one key for two users at once on two servers but for the first", async () => {
      const other = await openBank(flavour, { url: bank.url });
      try {
        const [one, two] = [await bank.member(100), await bank.member(100)];
        for (let round = 0; round < 20; round++) {
          const more = { key: unique("key"), taskId: unique("task") };
          const outcomes = await Promise.allSettled([
            bank.reserve(one, more),
            other.reserve(two, more),
          ]);
          const [refused, ...none] = outcomes.flatMap((outcome) =>
            outcome.status === "rejected" ? [outcome.reason as Refusal] : [],
          );
          assert.equal(none.length, 0);
          assert.equal(refused?.reason, "IDEMPOTENCY_KEY_REUSED");
          assert.equal(refused?.facts["field"], "user_id");
        }
      } finally {
        await other.close();
      }
    });

    it("answers a replay as the first time, also after the reservation has moved on", async () => {
      const userId = await bank.member(10);
      const reserveKey = unique("key");
      const taskId = unique("task");
      const first = await bank.reserve(userId, { key: reserveKey, taskId, quantity: 4 });
      const { reservationId } = first;
      const commit = { reservationId, actualAmount: 3n };
      const key = unique("key");
      const committed = await bank.send(commitQuota, commit, { key });
      await bank.send(refundQuota, { target: { reservationId }, ...failed });
      assert.deepEqual(await bank.reserve(userId, { key: reserveKey, taskId, quantity: 4 }), first);
      const again = await bank.send(commitQuota, commit, { key });
      assert.deepEqual(again, { ...committed, replayed: true });
    });

    it("brings a reservation to one end, whatever commits, refunds and expiry come at once", async () => {
      for (let round = 0; round < 15; round++) {
        const userId = await bank.member(5);
        const { reservationId } = await bank.reserve(userId, { quantity: 5 });
        const calls = Array.from({ length: 12 }, (_, at) =>
          at % 3 === 0
            ? bank.send(commitQuota, { reservationId, actualAmount: null })
            : bank.send(refundQuota, { target: { reservationId }, ...failed }),
        );
        const outcomes = await Promise.allSettled(calls);
        const refunds = outcomes.filter((_, at) => at % 3 !== 0);
        assert.ok(refunds.every(({ status }) => status === "fulfilled"));
        const end = await bank.reader.findReservation(reservationId);
        assert.equal(end?.state, "REFUNDED" satisfies ReservationState);
        const balance = await bank.reader.findBalance(userId);
        assert.deepEqual([balance?.available, balance?.held], [5n, 0n]);
      }
    });

    it("registers a user once when 20 calls with different keys come at once", async () => {
      const userId = unique("user") as UserId;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, () => bank.send(registerUser, { userId })),
      );
      assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
      for (const outcome of outcomes) {
        if (outcome.status === "fulfilled") continue;
        assert.ok(refusedAs("USER_ALREADY_REGISTERED")(outcome.reason));
      }
    });

    it("leaves no trace of a registration that was previewed or refused", async () => {
      const userId = unique("user") as UserId;
      const preview = await bank.send(registerUser, { userId }, { validateOnly: true });
      assert.equal(preview.answer.membership.state, "TRIAL");
      const key = unique("key");
      await bank.send(registerUser, { userId: unique("user") as UserId }, { key });
      await assert.rejects(
        bank.send(registerUser, { userId }, { key }),
        refusedAs("IDEMPOTENCY_KEY_REUSED"),
      );
      assert.equal((await bank.sql(`select 1 from users where user_id = '${userId}'`)).length, 0);
      assert.equal(await bank.reader.findBalance(userId), undefined);
    });

    it("keeps an exact cooldown and hourly maximum over two servers", async () => {
      const other = await openBank(flavour, { url: bank.url });
      try {
        const userId = await bank.member(1000);
        const featureId = "ai_video_generation";
        const bursts = await Promise.allSettled(
          Array.from({ length: 20 }, (_, at) =>
            (at % 2 ? bank : other).reserve(userId, { featureId }),
          ),
        );
        assert.equal(bursts.filter(({ status }) => status === "fulfilled").length, 1);
      } finally {
        await other.close();
      }
    });

    it("gives a stranded hold back when its time is over, once, with two sweepers at work", async () => {
      const other = await openBank(flavour, { url: bank.url });
      const faults: unknown[] = [];
      const observer = { swept() {}, failed: (fault: unknown) => void faults.push(fault) };
      const userIds = await Promise.all(Array.from({ length: 20 }, () => bank.member(10)));
      await Promise.all(userIds.map((userId) => bank.reserve(userId, { quantity: 7, ttlMs: 1_000 })));
      bank.advance(2_000);
      other.advance(2_000);
      const sweepers = [bank, other].map(({ teller, finder }) =>
        startSweeper({ teller, finder, intervalMs: 10, observer }),
      );
      try {
        for (;;) {
          const held = await bank.sql("select count(*) as n from quota_reservations where state = 'HELD' and expire_time < now(3) + interval 2 second");
          if (Number(held[0]?.["n"]) === 0) break;
          await Promise.all(sweepers.map((sweeper) => sweeper.sweep()));
        }
        for (const userId of userIds) {
          const balance = await bank.reader.findBalance(userId);
          assert.deepEqual([balance?.available, balance?.held], [10n, 0n]);
        }
        const twice = await bank.sql(
          "select reservation_id from quota_logs where type = 'EXPIRE_HOLD' group by reservation_id having count(*) > 1",
        );
        assert.deepEqual(twice, []);
        assert.deepEqual(faults, []);
      } finally {
        await Promise.all(sweepers.map((sweeper) => sweeper.stop()));
        await other.close();
        bank.advance(-2_000);
      }
    });

    it("extends a hold and keeps its log as it was", async () => {
      const userId = await bank.member(1);
      const { reservationId, expireTimeMs } = await bank.reserve(userId, { ttlMs: 60_000 });
      const extended = await bank.send(extendReservation, { reservationId, ttlMs: 3_600_000 });
      assert.ok(extended.answer.reservation.expireTimeMs > expireTimeMs);
      const stored = await bank.reader.findReservation(reservationId);
      assert.deepEqual(stored, extended.answer.reservation);
    });

    it("serves the others of a batch when one command can't be written", async () => {
      const good = await bank.member(10);
      const bad = await bank.member(10);
      const { reservationId } = await bank.reserve(bad);
      // What was stored for its key can't be read.
      await bank.sql(`insert into operations values ('op_planted_${flavour}', 'ExtendReservation', 'planted', '${bad}', 'x', 'not json', '', now(3))`);
      const outcomes = await Promise.allSettled([
        bank.reserve(good),
        bank.send(extendReservation, { reservationId, ttlMs: 3_600_000 }, { key: "planted" }),
        bank.reserve(good),
        bank.reserve(good),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled", "fulfilled"],
      );
    });

    it("refuses early, as OVERLOADED, what its queue can't take", async () => {
      const small = await openBank(flavour, { url: bank.url, lanes: 1, queueMax: 10, batchMax: 5 });
      try {
        const userId = await bank.member(1000);
        const outcomes = await Promise.allSettled(
          Array.from({ length: 100 }, () => small.reserve(userId)),
        );
        const refused = outcomes.filter((outcome) => outcome.status === "rejected");
        assert.ok(refused.length > 0 && refused.length < 100);
        for (const { reason } of refused) {
          assert.ok(refusedAs("OVERLOADED")(reason));
          assert.ok((reason as Refusal).retryAfterMs! > 0);
        }
      } finally {
        await small.close();
      }
    });

    it("answers whoever waits before it is drained, and nobody after", async () => {
      const leaving = await openBank(flavour, { url: bank.url });
      const userId = await bank.member(100);
      const waiting = Array.from({ length: 50 }, () => leaving.reserve(userId));
      const drained = leaving.teller.drain();
      await assert.rejects(leaving.reserve(userId), refusedAs("DRAINING"));
      await Promise.all(waiting);
      await drained;
      await leaving.close();
    });

    it("lists a user's reservations page by page, each once, newest first", async () => {
      const userId = await bank.member(30);
      const made = [];
      for (let i = 0; i < 7; i++) made.push((await bank.reserve(userId)).reservationId);
      const filter = { userId, taskId: null, featureId: null, state: null, minAgeMs: 0 };
      const seen: string[] = [];
      let after = null;
      for (;;) {
        const page = await bank.reader.listReservations(filter, { after, limit: 3 });
        seen.push(...page.map(({ reservationId }) => reservationId));
        if (page.length < 3) break;
        after = page.at(-1)!;
      }
      assert.deepEqual(seen, made.reverse());
    });

    it("shows the same balance by a read as by the answer of the last movement", async () => {
      const userId = await bank.member(30);
      const reserved = await bank.teller.submit(
        (await import("../../src/billing/quota/reserve-quota.ts")).reserveQuota,
        {
          input: {
            userId,
            featureId: PLAIN_FEATURE as never,
            taskId: unique("task") as never,
            quantity: 2,
            ttlMs: 60_000,
            labels: { amount: "5", __proto__: "x" },
          },
          idempotencyKey: unique("key"),
          caller: { name: "test" },
          validateOnly: false,
        },
        userId,
      );
      assert.deepEqual(await bank.reader.findBalance(userId), reserved.answer.balance);
    });
  });
}
