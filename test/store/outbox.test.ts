import assert from "node:assert/strict";
import type { EventId } from "../../src/billing/event.ts";
import { claimDelivery, dueDeliveries, endAttempt, lookAtQueue } from "../../src/store/delivery.ts";
import { replayDeliveries } from "../../src/store/delivery-replay.ts";
import type { Delivery } from "../../src/store/delivery-rows.ts";
import { OUTBOX_EVENTS, outboxCells } from "../../src/store/outbox-rows.ts";
import { publishEvents, type Subscribers } from "../../src/store/outbox.ts";
import { insertSql, literal } from "../../src/store/sql.ts";
import { inTransaction } from "../../src/store/transaction.ts";
import { newEvent, openQueueWorld, until, type QueueWorld } from "../support/queue.ts";
import { flavours } from "../support/servers.ts";

const SHOP: Subscribers = () => ["shop"];
const LEASE_MS = 60_000;
const FAILURE = { status: 500, error: "HTTP 500" };

describe("the row of an event", () => {
  it("is made of types, subjects and payloads only that a receiver can be told of", () => {
    const good = newEvent();
    assert.equal(outboxCells(good).length, OUTBOX_EVENTS.columns.length);
    for (const type of ["paid", "Order.paid", "order.", "order.paid ", `order.${"x".repeat(60)}`]) {
      assert.throws(() => outboxCells({ ...good, type }), /type of event/);
    }
    assert.throws(() => outboxCells({ ...good, subject: "s".repeat(64) }), /subject/);
    // Three bytes a letter: what counts is what goes over the wire.
    const payload = { note: "衣".repeat(6_000) };
    assert.throws(() => outboxCells({ ...good, payload }), /payload/);
  });
});

for (const flavour of flavours()) {
  describe(`the outbox on ${flavour}`, () => {
    let world: QueueWorld;
    before(async () => {
      world = await openQueueWorld(flavour);
    });
    afterEach(() => world.rest());
    after(() => world.close());

    const publish = (limit = 100, subscribers = SHOP) =>
      publishEvents(world.orm, subscribers, limit);
    const pendingOne = async (): Promise<EventId> => {
      const [eventId] = await world.commit(newEvent());
      await publish();
      return eventId!;
    };
    const claim = (eventId: EventId, leaseMs = LEASE_MS) =>
      claimDelivery(world.orm, eventId, "shop", leaseMs);
    /** As if the pause or the lease were over. */
    const makeDue = (eventId: EventId) =>
      world.query(
        `update webhook_deliveries set next_try_time = now(3) where event_id = ${literal(eventId)}`,
      );

    it("has an event exactly if the transaction that made it was committed", async () => {
      const event = newEvent();
      const sql = insertSql(OUTBOX_EVENTS, [outboxCells(event)]);
      const broken = inTransaction(world.orm, async (em) => {
        await em.execute(sql, [], "run");
        throw new Error("changed my mind");
      });
      await assert.rejects(broken, /changed my mind/);
      assert.deepEqual((await publish()).published, 0);
      await world.commit(event);
      assert.deepEqual([...(await publish()).owed], [["shop", [event.eventId]]]);
    });

    it("publishes each event once, with one delivery an endpoint, when 8 servers do it", async () => {
      const events = Array.from({ length: 300 }, () => newEvent());
      await world.commit(...events);
      const published: EventId[] = [];
      const server = async () => {
        for (;;) {
          const { owed } = await publish(16, () => ["shop", "crm"]);
          assert.deepEqual(owed.get("shop"), owed.get("crm"));
          published.push(...(owed.get("shop") ?? []));
          const [left] = await world.query(
            "select count(*) as n from outbox_events where publish_time is null",
          );
          if (Number(left!["n"]) === 0) return;
        }
      };
      await Promise.all(Array.from({ length: 8 }, server));
      assert.deepEqual(published.sort(), events.map(({ eventId }) => eventId).sort());
      assert.equal((await world.deliveries()).length, 2 * events.length);
    });

    it("publishes events of one subject oldest first, although another server holds the older", async () => {
      const [first, second] = [newEvent({ subject: "ord_1" }), newEvent({ subject: "ord_1" })];
      const other = newEvent({ subject: "ord_2" });
      await world.commit(first, second, other);
      let letGo = () => {};
      let isHeld = false;
      const holding = inTransaction(world.orm, async (em) => {
        const place = `where event_id = ${literal(first.eventId)}`;
        await em.execute(`select event_id from outbox_events ${place} for update`);
        isHeld = true;
        await new Promise<void>((resolve) => (letGo = resolve));
      });
      await until(() => isHeld);
      assert.deepEqual((await publish()).owed.get("shop"), [other.eventId]);
      assert.equal((await publish()).published, 0);
      letGo();
      await holding;
      assert.deepEqual((await publish()).owed.get("shop"), [first.eventId, second.eventId]);
    });

    it("publishes in batches of the given size, oldest first, and says whether more may wait", async () => {
      const ids = await world.commit(...Array.from({ length: 5 }, () => newEvent()));
      const batches = [await publish(2), await publish(2), await publish(2)];
      assert.deepEqual(
        batches.flatMap(({ owed }) => owed.get("shop")),
        ids,
      );
      assert.deepEqual(
        batches.map(({ mayBeMore }) => mayBeMore),
        [true, true, false],
      );
    });

    it("owes nothing for an event that nobody wants, and doesn't look at it again", async () => {
      await world.commit(newEvent({ type: "user.suspended" }));
      const paid = await world.commit(newEvent());
      const subscribers = (type: string) => (type === "order.paid" ? ["shop"] : []);
      const batch = await publish(100, subscribers);
      assert.deepEqual([batch.published, [...batch.owed]], [2, [["shop", paid]]]);
      assert.equal((await publish()).published, 0);
      assert.equal((await world.deliveries()).length, 1);
    });

    it("gives a delivery to one server at once, and again when its lease is over", async () => {
      const eventId = await pendingOne();
      const claims = await Promise.all(Array.from({ length: 12 }, () => claim(eventId)));
      const won = claims.filter((each) => each !== undefined);
      assert.deepEqual(
        won.map(({ event, attempts }) => [event.eventId, attempts]),
        [[eventId, 1]],
      );
      assert.equal(await claim(eventId), undefined);
      await makeDue(eventId);
      assert.equal((await claim(eventId, 1))?.attempts, 2);
      await until(async () => (await claim(eventId)) !== undefined);
    });

    it("believes a late confirmation, and no late failure", async () => {
      const eventId = await pendingOne();
      const late = (await claim(eventId))!;
      await makeDue(eventId);
      const current = (await claim(eventId))!;
      await endAttempt(world.orm, late, { kind: "DEAD", ...FAILURE });
      assert.equal((await world.deliveries())[0]!.state, "PENDING");
      await endAttempt(world.orm, late, { kind: "DELIVERED", status: 200, bodySha256: "5a" });
      await endAttempt(world.orm, current, { kind: "DEAD", ...FAILURE });
      const [delivery] = await world.deliveries();
      const { state, lastStatus, lastError, bodySha256 } = delivery!;
      assert.deepEqual([state, lastStatus, lastError, bodySha256], ["DELIVERED", 200, null, "5a"]);
      assert.ok(delivery!.endTimeMs! >= delivery!.createTimeMs);
    });

    it("doesn't take a confirmation of before a replay for one of after it", async () => {
      const eventId = await pendingOne();
      const late = (await claim(eventId))!;
      await makeDue(eventId);
      const dead = (await claim(eventId))!;
      await endAttempt(world.orm, dead, { kind: "DEAD", ...FAILURE });
      assert.equal(await replayDeliveries(world.orm, { eventId }), 1);
      await endAttempt(world.orm, late, { kind: "DELIVERED", status: 200, bodySha256: "5a" });
      const [{ state, attempts, replays }] = (await world.deliveries()) as [Delivery];
      assert.deepEqual([state, attempts, replays], ["PENDING", 0, 1]);
    });

    it("has a failed delivery due after its pause, and one handed back at once and uncounted", async () => {
      const eventId = await pendingOne();
      const first = (await claim(eventId))!;
      await endAttempt(world.orm, first, { kind: "AGAIN", ...FAILURE, delayMs: 3_600_000 });
      assert.deepEqual(await dueDeliveries(world.orm, "shop", { limit: 9 }), []);
      const [{ nextTryTimeMs, lastTryTimeMs, lastError }] = (await world.deliveries()) as [Delivery];
      assert.ok(nextTryTimeMs - lastTryTimeMs! >= 3_600_000);
      assert.equal(lastError, "HTTP 500");
      await makeDue(eventId);
      const second = (await claim(eventId))!;
      await endAttempt(world.orm, second, { kind: "HANDED_BACK" });
      assert.deepEqual(await dueDeliveries(world.orm, "shop", { limit: 9 }), [eventId]);
      assert.equal((await world.deliveries())[0]!.attempts, 1);
    });

    it("tells what is due to one endpoint, longest overdue first, and how the queue stands", async () => {
      const [late, later, recent] = await world.commit(newEvent(), newEvent(), newEvent());
      await publish(100, () => ["shop", "crm"]);
      for (const [id, minutes] of [[late, 3], [later, 2]] as const) {
        await world.query(
          `update webhook_deliveries set next_try_time = timestampadd(minute, -${minutes}, now(3))
            where event_id = ${literal(id!)} and endpoint = 'shop'`,
        );
      }
      const due = (options: { limit: number; overdueMs?: number }) =>
        dueDeliveries(world.orm, "shop", options);
      assert.deepEqual(await due({ limit: 9 }), [late, later, recent]);
      assert.deepEqual(await due({ limit: 1 }), [late]);
      assert.deepEqual(await due({ limit: 9, overdueMs: 60_000 }), [late, later]);
      const dead = (await claim(late!))!;
      await endAttempt(world.orm, dead, { kind: "DEAD", ...FAILURE });
      await world.commit(newEvent({ createTimeMs: Date.now() - 60_000 }));
      const look = await lookAtQueue(world.orm);
      assert.deepEqual([look.dead, [...look.owedTo].sort()], [1, ["crm", "shop"]]);
      assert.ok(look.publishLagMs >= 60_000);
    });
  });
}
