import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { status, type ServiceError } from "@grpc/grpc-js";
import * as fc from "fast-check";
import {
  QuotaServiceService as Quota,
  ReserveQuotaRequest,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { TABLES } from "../../src/store/tables.ts";
import { assertBadFields, assertRefused, toldBy } from "../support/calls.ts";
import { METHODS, pathOf, requiredNames } from "../support/contract.ts";
import { frame, rawCall } from "../support/raw-call.ts";
import { batchOf, commitOf, refundOf, reserveOf } from "../support/requests.ts";
import { flavours } from "../support/servers.ts";
import { startTestService, tokenOf, type TestService } from "../support/service.ts";

const admin = { token: tokenOf("admin") };
const raw = (bytes: Buffer) => bytes;

/** Texts that have broken programs before. */
const NASTY = [
  "' or 1=1 -- ",
  '"; drop table users; --',
  "${7*7}",
  "../../etc/passwd",
  "\u0000",
  "\u202eevil",
  "\u001b[31m",
  "ﷺ".repeat(40),
  "a".repeat(100_000),
  " alice",
  "alice ",
  "ÅÅ",
  "__proto__",
  "NaN",
  "1e400",
  "\ufeffbom",
];

for (const flavour of flavours()) {
  describe(`hostile input on ${flavour}`, () => {
    let service: TestService;
    let counts: Readonly<Record<string, number>>;
    const countRows = async () => {
      const names = TABLES.map((table) => table.meta.tableName);
      const sql = names.map((name) => `select '${name}' as name, count(*) as count from ${name}`);
      const rows = await service.bank.sql(sql.join(" union all "));
      return Object.fromEntries(rows.map((row) => [row["name"], Number(row["count"])]));
    };
    before(async () => {
      service = await startTestService(flavour);
      await service.bank.member(10);
      counts = await countRows();
    });
    afterEach("nothing has changed", async () => {
      assert.deepEqual(await countRows(), counts);
      assert.deepEqual(service.logLines, [], "none of it was a fault of ours");
    });
    after(() => service.close());

    const send = (path: string, bytes: Uint8Array) =>
      service.caller.send({ path, responseDeserialize: raw }, Buffer.from(bytes), admin);

    for (const method of METHODS.filter(({ methodKind }) => methodKind === "unary")) {
      it(`${method.name} takes any bytes for a bad request, not for a fault`, async () => {
        const hasRequired = requiredNames(method.input).length > 0;
        await fc.assert(
          fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
            const end = await send(pathOf(method), bytes).then(
              () => "OK",
              (error: ServiceError) => status[error.code],
            );
            // By chance the bytes may name somebody who isn't there.
            const wanted = ["INVALID_ARGUMENT", hasRequired ? "NOT_FOUND" : "OK"];
            assert.ok(wanted.includes(end), end);
          }),
          { numRuns: 30 },
        );
      });
    }

    it("bytes that can't be decoded are refused with details like every bad request", async () => {
      const broken = ["ff", "0a", "0aff01", "ffffffffffffffffffff7f", "0b".repeat(5_000), "3a037a"];
      for (const hex of broken) {
        const told = await toldBy(send(Quota.reserveQuota.path, Buffer.from(hex, "hex")));
        assert.equal(told.reason, "INVALID_FIELD", hex);
      }
    });

    it("nasty texts are refused by the names of their fields", async () => {
      for (const text of NASTY) {
        const labels = new Map([[text, "v"]]);
        const request = reserveOf(text, { featureId: text, taskId: text, labels });
        const isKey = /^[\x21-\x7e]{1,128}$/.test(text);
        const idempotencyKey = isKey ? "" : text;
        const isId = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$/.test(text);
        const ids = isId ? [] : ["user_id", "feature_id", "task_id", "labels"];
        const call = service.call(Quota.reserveQuota, { ...request, idempotencyKey });
        await assertBadFields(call, "idempotency_key", ...ids);
        const commit = service.call(Quota.commitQuota, commitOf(text, { idempotencyKey }));
        await assertBadFields(commit, "idempotency_key", ...(isId ? [] : ["reservation_id"]));
      }
    });

    it("numbers beyond their ranges are refused, int32 and int64 to their ends", async () => {
      for (const quantity of [0, -1, 1_001, 2 ** 31 - 1, -(2 ** 31)]) {
        await assertBadFields(
          service.call(Quota.reserveQuota, reserveOf("u1", { quantity })),
          "quantity",
        );
      }
      for (const actualAmount of [-1n, 2n ** 63n - 1n, -(2n ** 63n), 1_000_000_000_001n]) {
        const request = commitOf("rsv_1", { actualAmount });
        await assertBadFields(service.call(Quota.commitQuota, request), "actual_amount");
      }
      const lengths = [2n ** 63n - 1n, -(2n ** 63n), 0n];
      for (const seconds of lengths) {
        const request = reserveOf("u1", { ttl: { seconds, nanos: 0 } });
        await assertBadFields(service.call(Quota.reserveQuota, request), "ttl");
      }
    });

    it("unknown enum numbers are refused by name", async () => {
      for (const reason of [6, 99, 101, -1, 2 ** 31 - 1]) {
        const request = refundOf("rsv_1", { reason: reason as never });
        await assertBadFields(service.call(Quota.refundQuota, request), "reason");
      }
    });

    it("bytes that are no UTF-8 are refused where text is free", async () => {
      const writer = new BinaryWriter();
      writer.uint32(10).string("k1").uint32(18).string("rsv_1").uint32(32).int32(1);
      writer.uint32(50).bytes(Buffer.from("fffe41", "hex"));
      await assertBadFields(send(Quota.refundQuota.path, writer.finish()), "detail");
    });

    it("a label `__proto__` is seen and refused, and pollutes nothing", async () => {
      const labels = new Map([
        ["__proto__", "polluted"],
        ["constructor", "x"],
      ]);
      await assertBadFields(
        service.call(Quota.reserveQuota, reserveOf("u1", { labels })),
        "labels",
      );
      await assertBadFields(
        service.call(Quota.batchReserveQuota, batchOf("u1", { labels })),
        "labels",
      );
      assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
    });

    it("a message of more than 1 MiB is refused, compressed or not", async () => {
      const large = reserveOf("u1", { labels: new Map([["k", "v".repeat(2 * 1024 * 1024)]]) });
      const told = await assertRefused(service.call(Quota.reserveQuota, large), "INVALID_FIELD");
      assert.match(told.message, /at most 1048576 bytes/);
      const bomb = gzipSync(ReserveQuotaRequest.encode(large).finish());
      assert.ok(bomb.length < 10_000);
      assert.equal(await rawCall(service.address, Quota.reserveQuota.path, frame(bomb, 1)), "3");
    });

    it("a message of more than any service takes is not even held in memory", async () => {
      const large = reserveOf("u1", { labels: new Map([["k", "v".repeat(5 * 1024 * 1024)]]) });
      await assert.rejects(
        service.call(Quota.reserveQuota, large),
        ({ code }: ServiceError) => code === status.RESOURCE_EXHAUSTED,
      );
      const bomb = gzipSync(ReserveQuotaRequest.encode(large).finish());
      assert.equal(await rawCall(service.address, Quota.reserveQuota.path, frame(bomb, 1)), "8");
    });

    it("a request of very many fields is refused within its trailer's bounds", async () => {
      const lines = Array.from({ length: 20 }, () => ({ featureId: "!", quantity: -1 }));
      const told = await assertRefused(
        service.call(Quota.batchReserveQuota, batchOf("!", { lines })),
        "INVALID_FIELD",
      );
      assert.ok(told.fields.length <= 30);
    });

    it("paths and headers of any bytes end the call, never the server", async () => {
      const paths = [
        "/",
        "//",
        "/billing.quota.v1.QuotaService/Nope",
        "/%00",
        "/\u00ff\u00fe",
        "/constructor",
        "/__proto__",
      ];
      for (const path of paths) {
        const code = await rawCall(service.address, path, frame(Buffer.alloc(0), 0));
        assert.ok(code === "12" || code === "closed", `${path}: ${code}`);
      }
      const { path } = Quota.reserveQuota;
      for (const headers of [
        { "x-request-id": "\u00ff".repeat(300) },
        { authorization: "Bearer " + "\u00e9".repeat(5_000) },
        { "grpc-timeout": "99999999H" },
        { "grpc-timeout": "abc" },
        { "grpc-encoding": "snappy" },
        { "grpc-trace-bin": "!!!" },
      ]) {
        const code = await rawCall(service.address, path, frame(Buffer.alloc(0), 0), headers);
        assert.match(code, /^\d+$|^closed$/, JSON.stringify(headers));
      }
      await assertBadFields(
        send(path, Buffer.alloc(0)),
        ...requiredNames(METHODS.find(({ name }) => name === "ReserveQuota")!.input),
      );
    });
  });
}
