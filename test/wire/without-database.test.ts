/** Reads while the database is away: it is said so, and when to come back; no fault of ours is claimed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fromJson, toBinary, type DescMethod, type JsonObject } from "@bufbuild/protobuf";
import { startLocalDatabase, type LocalDatabase } from "../../src/local/database.ts";
import { loadContract } from "../../src/wire/contract.ts";
import { PLAIN_FEATURE } from "../support/bank.ts";
import { assertTold, toldBy } from "../support/calls.ts";
import { METHODS, pathOf, requiredNames } from "../support/contract.ts";
import { flavours, freshDirectory } from "../support/servers.ts";
import { startTestService, tokenOf, type TestService } from "../support/service.ts";

const BUFFER_POOL_MIB = 64;
const contract = loadContract();
/** What is known without any database. */
const BY_HEART = ["ListRules"];
const READS = METHODS.filter(
  (method) => !contract.methods.get(pathOf(method))!.mutates && !BY_HEART.includes(method.name),
);

for (const flavour of flavours()) {
  describe(`reads without a database, ${flavour}`, () => {
    let database: LocalDatabase;
    let service: TestService;
    /** Values for the fields that requests must have. */
    let known: JsonObject;
    before(async () => {
      const dataDir = join(await freshDirectory(), "database");
      database = await startLocalDatabase({ flavour, dataDir, bufferPoolMiB: BUFFER_POOL_MIB });
      service = await startTestService(flavour, { server: database });
      const { bank } = service;
      const userId = await bank.member(10);
      const { reservationId, taskId } = await bank.reserve(userId);
      known = {
        user_id: userId,
        feature_id: PLAIN_FEATURE,
        reservation_id: reservationId,
        task_id: taskId,
        approval_id: "apr_1",
        order_id: "ord_1",
        refund_id: "rfd_1",
        plan_id: "monthly",
        pack_id: "pack",
        campaign_id: "campaign",
        review_id: "rev_1",
        files: [{ path: "a.ts", content: "export const a = 1;" }],
        document: { path: "pipelines/a.yaml", content: "steps: []" },
        pipeline_id: "pipeline",
        vendor: "vendor",
        month: "2026-11",
        report_id: "rpt_1",
        figure_id: "revenue.sales",
        first_day: "2026-11-01",
        last_day: "2026-11-02",
        order: "ORDER_COST",
        period: "PERIOD_DAILY",
        date: "2026-11-22",
        format: "FORMAT_CSV",
      };
      await database.kill();
    });
    after(async () => {
      // Its schema went with its server: nothing is left to be dropped.
      await assert.rejects(service.close(), /ECONNREFUSED/);
    });

    const send = (method: DescMethod) => {
      const request = Object.fromEntries(
        requiredNames(method.input).map((name) => {
          assert.ok(name in known, `${method.name} needs ${name}: tell this test a value`);
          return [name, known[name]!];
        }),
      );
      // It takes an id or a period; neither alone is required.
      if (method.name === "GetReport") request["report_id"] = "rpt_1";
      const bytes = toBinary(method.input, fromJson(method.input, request));
      const answered = { path: pathOf(method), responseDeserialize: (raw: Buffer) => raw };
      return service.caller.send(answered, Buffer.from(bytes), { token: tokenOf("admin") });
    };

    for (const method of READS) {
      it(`${method.name} says that the database is away, and when to come back`, async () => {
        const told = await toldBy(send(method));
        assertTold(told, "DATABASE_UNAVAILABLE");
        assert.ok(told.retryAfterMs! > 0);
        assert.deepEqual(service.logLines, []);
      });
    }
  });
}
