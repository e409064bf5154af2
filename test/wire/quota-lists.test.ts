import assert from "node:assert/strict";
import {
  Grant_State,
  QuotaLog_Type,
  Reservation_State,
} from "../../src/gen/billing/quota/v1/quota.ts";
import {
  ListGrantsRequest,
  ListQuotaLogsRequest,
  ListReservationsRequest,
  QuotaServiceService as Quota,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { PLAIN_FEATURE, unique } from "../support/bank.ts";
import { assertBadFields } from "../support/calls.ts";
import { commitOf, reserveOf, seconds } from "../support/requests.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const VIDEO = "ai_video_generation";

for (const flavour of flavours()) {
  describe(`QuotaService's lists over the wire on ${flavour}`, () => {
    let service: TestService;
    before(async () => {
      service = await startTestService(flavour);
    });
    after(() => service.close());

    const reserve = async (userId: string, change: Parameters<typeof reserveOf>[1] = {}) =>
      (await service.call(Quota.reserveQuota, reserveOf(userId, change))).reservation!;

    const reservations = (request: Parameters<typeof ListReservationsRequest.fromPartial>[0]) =>
      service.call(Quota.listReservations, ListReservationsRequest.fromPartial(request));

    it("page through a user's reservations, newest first, each once", async () => {
      const userId = await service.bank.member(20);
      const ids: string[] = [];
      for (let at = 0; at < 7; at++) ids.push((await reserve(userId)).reservationId);
      const seen: string[] = [];
      let pageToken = "";
      do {
        const page = await reservations({ userId, pageSize: 3, pageToken });
        seen.push(...page.reservations.map(({ reservationId }) => reservationId));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      assert.deepEqual(seen, ids.toReversed());
      const wrong = reservations({ userId, featureId: PLAIN_FEATURE, pageToken: "abc" });
      await assertBadFields(wrong, "page_token");
    });

    it("filter reservations by task, feature, state and age", async () => {
      const userId = await service.bank.member(20);
      const taskId = unique("task");
      const { reservationId } = await reserve(userId, { taskId });
      await reserve(userId);
      await service.call(Quota.commitQuota, commitOf(reservationId));
      const idsOf = async (request: Parameters<typeof reservations>[0]) =>
        (await reservations(request)).reservations.map((found) => found.reservationId);
      assert.deepEqual(await idsOf({ taskId }), [reservationId]);
      assert.deepEqual(await idsOf({ userId, state: Reservation_State.COMMITTED }), [
        reservationId,
      ]);
      assert.deepEqual(await idsOf({ userId, featureId: VIDEO }), []);
      assert.deepEqual(await idsOf({ userId, minAge: seconds(3_600) }), []);
    });

    it("show all open holds when nobody is named, and no other state", async () => {
      const userId = await service.bank.member(20);
      const { reservationId } = await reserve(userId);
      const open: string[] = [];
      let pageToken = "";
      do {
        const page = await reservations({ pageToken, pageSize: 2 });
        assert.ok(page.reservations.every(({ state }) => state === Reservation_State.HELD));
        open.push(...page.reservations.map((held) => held.reservationId));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      assert.ok(open.includes(reservationId));
      assert.equal(new Set(open).size, open.length);
      await assertBadFields(reservations({ state: Reservation_State.EXPIRED }), "state");
    });

    it("show a user's lots and movements, newest first", async () => {
      const userId = await service.bank.member(30);
      await reserve(userId, { quantity: 25 });
      const list = async (includeClosed: boolean) => {
        const request = ListGrantsRequest.fromPartial({ userId, includeClosed });
        return (await service.call(Quota.listGrants, request)).grants.map(({ state }) => state);
      };
      assert.deepEqual(await list(true), [Grant_State.OPEN, Grant_State.EXHAUSTED]);
      assert.deepEqual(await list(false), [Grant_State.OPEN]);
      const all = await service.call(
        Quota.listQuotaLogs,
        ListQuotaLogsRequest.fromPartial({ userId }),
      );
      assert.deepEqual(
        all.logs.map(({ sequence }) => sequence),
        [4n, 3n, 2n, 1n],
      );
      const type = QuotaLog_Type.GRANT;
      const startTime = all.logs[3]!.createTime;
      const some = ListQuotaLogsRequest.fromPartial({ userId, type, startTime, pageSize: 1 });
      const first = await service.call(Quota.listQuotaLogs, some);
      assert.deepEqual(
        first.logs.map(({ type: found }) => found),
        [type],
      );
      const second = await service.call(Quota.listQuotaLogs, {
        ...some,
        pageToken: first.nextPageToken,
      });
      assert.deepEqual(
        [...first.logs, ...second.logs].map(({ sequence }) => sequence),
        [2n, 1n],
      );
      assert.equal(second.nextPageToken, "");
    });

    it("report every bad field", async () => {
      const request = {
        userId: "!",
        taskId: " ",
        featureId: "-",
        state: 99,
        minAge: seconds(-1),
        pageSize: -1,
      };
      await assertBadFields(
        reservations(request as Parameters<typeof reservations>[0]),
        "user_id",
        "task_id",
        "feature_id",
        "state",
        "min_age",
        "page_size",
      );
      const logs = ListQuotaLogsRequest.fromPartial({
        reservationId: "!",
        type: -7 as QuotaLog_Type,
        startTime: new Date(-1),
        endTime: new Date(8.64e15),
        pageToken: "?",
      });
      const fields = ["user_id", "reservation_id", "type", "start_time", "end_time", "page_token"];
      await assertBadFields(service.call(Quota.listQuotaLogs, logs), ...fields);
    });
  });
}
