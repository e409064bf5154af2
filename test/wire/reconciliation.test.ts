import assert from "node:assert/strict";
import {
  Discrepancy_State as State,
  DiscrepancyKind as Kind,
  DiscrepancyStep_Kind as Step,
} from "../../src/gen/billing/report/v1/reconciliation.ts";
import {
  AssignDiscrepancyRequest,
  ListDiscrepanciesRequest,
  ReopenDiscrepancyRequest,
  ReportServiceService as Reports,
  ResolveDiscrepancyRequest,
} from "../../src/gen/billing/report/v1/report_service.ts";
import { unique } from "../support/bank.ts";
import { assertBadFields, assertRefused } from "../support/calls.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, type TestService } from "../support/service.ts";

const finance = { as: "finance" };

for (const flavour of flavours()) {
  describe(`work on differences over the wire on ${flavour}`, () => {
    let service: TestService;
    const ids: string[] = [];
    before(async () => {
      service = await startTestService(flavour);
      const { sql } = service.bank;
      await sql(`insert into bill_imports (bill_id, bill_date, type, sha1, state, line_count, order_fen, refund_fen,
        fee_micro_yuan, settled_count, create_time, check_time)
        values ('bil_1', '2026-11-20', 'TRADE', '${"a".repeat(40)}', 'CHECKED', 2, 0, 0, 0, 0, now(3), now(3))`);
      const kinds = [
        ["MISSING_HERE", "null", "9900"],
        ["AMOUNT_DIFFERS", "9900", "9800"],
        ["DOUBLED", "9900", "9900"],
      ];
      for (const [kind, here, there] of kinds) {
        const id = unique("fnd_");
        ids.push(id);
        await sql(`insert into bill_findings (finding_id, bill_id, kind, order_id, refund_id, subject, line,
          amount_here_fen, amount_there_fen, note, create_time, clear_time)
          values ('${id}', 'bil_1', '${kind}', 'ord_${id}', null, '${id}', 3, ${here}, ${there}, 'a test', now(3), null)`);
      }
    });
    after(() => service.close());

    const list = (change: Partial<ListDiscrepanciesRequest> = {}) =>
      service.call(
        Reports.listDiscrepancies,
        ListDiscrepanciesRequest.fromPartial(change),
        finance,
      );
    const assign = (discrepancyId: string, change = {}) =>
      service.call(
        Reports.assignDiscrepancy,
        AssignDiscrepancyRequest.fromPartial({
          idempotencyKey: unique("key"),
          discrepancyId,
          assignee: "ada",
          ...change,
        }),
        finance,
      );
    const resolve = (discrepancyId: string, change = {}) =>
      service.call(
        Reports.resolveDiscrepancy,
        ResolveDiscrepancyRequest.fromPartial({
          idempotencyKey: unique("key"),
          discrepancyId,
          reason: "paid back by hand",
          ...change,
        }),
        finance,
      );
    const reopen = (discrepancyId: string) =>
      service.call(
        Reports.reopenDiscrepancy,
        ReopenDiscrepancyRequest.fromPartial({
          idempotencyKey: unique("key"),
          discrepancyId,
          reason: "it wasn't",
        }),
        finance,
      );

    it("differences are found by kind, day, state and order, page by page", async () => {
      const first = await list({ pageSize: 2 });
      const rest = await list({ pageSize: 2, pageToken: first.nextPageToken });
      const found = [...first.discrepancies, ...rest.discrepancies];
      assert.deepEqual(found.map(({ discrepancyId }) => discrepancyId).toSorted(), ids.toSorted());
      const [missing] = (await list({ kind: Kind.MISSING_HERE })).discrepancies;
      assert.deepEqual(
        [missing!.amountHereFen, missing!.amountThereFen, missing!.state, missing!.billDate],
        [undefined, 9_900n, State.OPEN, "2026-11-20"],
      );
      const other = await list({ firstDay: "2026-11-21" });
      assert.deepEqual(other.discrepancies, []);
      await assertBadFields(list({ firstDay: "2026-11-21", lastDay: "2026-11-20" }), "last_day");
      await assertBadFields(list({ lastDay: "yesterday", kind: 9 as Kind }), "kind", "last_day");
    });

    it("somebody looks into one, settles it, and takes that back, and each step is kept", async () => {
      const id = ids[1]!;
      assert.equal((await assign(id)).discrepancy!.state, State.ASSIGNED);
      const preview = await resolve(id, { validateOnly: true });
      assert.equal(preview.discrepancy!.state, State.RESOLVED);
      const key = unique("key");
      const answers = await Promise.all(
        Array.from({ length: 8 }, () => resolve(id, { idempotencyKey: key })),
      );
      assert.equal(answers.filter(({ replayed }) => !replayed).length, 1);
      await assertRefused(resolve(id), "DISCREPANCY_STATE_INVALID", {
        discrepancyId: id,
        state: "RESOLVED",
      });
      await reopen(id);
      const [now] = (await list({ orderId: `ord_${id}` })).discrepancies;
      assert.equal(now!.state, State.OPEN);
      assert.deepEqual(
        now!.steps.map(({ sequence, kind, actor }) => [sequence, kind, actor]),
        [
          [1, Step.ASSIGNED, "finance"],
          [2, Step.RESOLVED, "finance"],
          [3, Step.REOPENED, "finance"],
        ],
      );
      const audit = await service.bank.sql(
        `select action from audit_events where subject = 'discrepancy/${id}'`,
      );
      assert.equal(audit.length, 3);
    });

    it("what isn't there, and a step without a reason, is refused", async () => {
      await assertRefused(assign("fnd_none"), "DISCREPANCY_NOT_FOUND", {
        discrepancyId: "fnd_none",
      });
      await assertBadFields(resolve(ids[0]!, { reason: " " }), "reason");
      await assertBadFields(assign(ids[0]!, { assignee: "" }), "assignee");
    });
  });
}
