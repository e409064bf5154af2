/** A database that hangs: nobody waits without end, and health says so. No caller here has a deadline. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as membership from "../../src/gen/billing/membership/v1/membership_service.ts";
import * as quota from "../../src/gen/billing/quota/v1/quota_service.ts";
import { startLocalDatabase, type LocalDatabase } from "../../src/local/database.ts";
import { openBank, PLAIN_FEATURE, unique, type Bank } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { assertRefused, Caller } from "../support/calls.ts";
import { healthOf } from "../support/health.ts";
import { killPrograms, startProgram } from "../support/program.ts";
import { reserveOf } from "../support/requests.ts";
import { flavours, freshDirectory } from "../support/servers.ts";
import { sha256, tokenOf } from "../support/service.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUFFER_POOL_MIB = 64;
const token = tokenOf("admin");
const STATEMENT_TIMEOUT_SECONDS = 5;
/**
 * What docs/operations.md promises: the statement's bound, two seconds of further tries, one of which may
 * just have begun, and the wait for a batch that did the same before. Twice that for a busy machine.
 */
const ANSWERED_WITHIN_MS = 2 * 2 * (STATEMENT_TIMEOUT_SECONDS + 2 + 2) * 1_000;
/** The promise there is five seconds. */
const HEALTH_WITHIN_MS = 2 * 5_000;

async function startMain(databaseUrl: string): Promise<string> {
  const file = join(await freshDirectory(), "identities.json");
  const admin = { name: "admin", roles: ["admin"], token_sha256: sha256(token) };
  writeFileSync(file, JSON.stringify([admin]));
  const program = startProgram(["src/main.ts"], {
    cwd: ROOT,
    env: {
      DATABASE_URL: databaseUrl,
      DB_STATEMENT_TIMEOUT_SECONDS: String(STATEMENT_TIMEOUT_SECONDS),
      IDENTITIES_FILE: file,
      GRPC_PORT: "0",
      METRICS_PORT: "0",
    },
  });
  const line = await program.line(/"message":"listening"/);
  const { host, port } = JSON.parse(line) as { host: string; port: number };
  await program.line(/"message":"ready"/);
  return `${host}:${port}`;
}

for (const flavour of flavours()) {
  describe(`a ${flavour} that hangs`, () => {
    let database: LocalDatabase;
    let bank: Bank;
    let proxy: TcpProxy;
    let address: string;
    let caller: Caller;
    before(async () => {
      const dataDir = join(await freshDirectory(), "database");
      database = await startLocalDatabase({ flavour, dataDir, bufferPoolMiB: BUFFER_POOL_MIB });
      bank = await openBank(flavour, { server: database });
      proxy = await startTcpProxy(database.port);
      const url = new URL(bank.url);
      url.host = proxy.address;
      address = await startMain(url.href);
      caller = new Caller(address);
    });
    afterEach(async () => {
      database.resume();
      proxy.unblock();
      await untilHealth("SERVING");
      assert.deepEqual(await bookFaults(bank.sql), []);
    });
    after(async () => {
      caller.close();
      await killPrograms();
      await proxy.stop();
      await bank.close();
      await database.kill();
    });

    const untilHealth = async (wanted: string): Promise<number> => {
      const startedMs = performance.now();
      while ((await healthOf(address)) !== wanted) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return performance.now() - startedMs;
    };
    const reserve = (userId: string, key: string) => {
      const request = reserveOf(userId, { idempotencyKey: key, taskId: `task-${key}` });
      return caller.call(quota.QuotaServiceService.reserveQuota, request, { token });
    };

    const HANGS: Readonly<Record<string, () => void>> = {
      "that is stopped": () => database.pause(),
      "whose network swallows every answer": () => proxy.holdAnswers(),
    };
    for (const [title, hang] of Object.entries(HANGS)) {
      it(`${title} lets no call wait without end, and the key tells the outcome`, async () => {
        const userId = await bank.member(100);
        const key = unique("hang");
        await reserve(userId, unique("before"));
        hang();
        const startedMs = performance.now();
        const health = untilHealth("NOT_SERVING");
        const balance = { userId };
        const calls = [
          reserve(userId, key),
          caller.call(quota.QuotaServiceService.getBalance, balance, { token }),
          caller.call(membership.MembershipServiceService.getMembership, balance, { token }),
        ];
        await Promise.all(calls.map((call) => assertRefused(call, "DATABASE_UNAVAILABLE")));
        assert.ok(performance.now() - startedMs < ANSWERED_WITHIN_MS);
        assert.ok((await health) < HEALTH_WITHIN_MS);
        database.resume();
        proxy.unblock();
        await untilHealth("SERVING");
        const told = await reserve(userId, key);
        const stored = await bank.sql(
          `select reservation_id from quota_reservations where task_id = 'task-${key}'`,
        );
        assert.deepEqual(
          stored.map((row) => row["reservation_id"]),
          [told.reservation!.reservationId],
        );
        assert.equal(told.reservation!.featureId, PLAIN_FEATURE);
      });
    }

    it("is found again by connections of before, which have silently died", async () => {
      const userId = await bank.member(100);
      // Enough at once for several connections to be open.
      const reads = () =>
        Array.from({ length: 12 }, () =>
          caller.call(quota.QuotaServiceService.getBalance, { userId }, { token }),
        );
      await Promise.all(reads());
      proxy.abandon();
      await Promise.all(reads());
    });

    it("leaves nobody waiting in a queue behind the batch that hangs", async () => {
      const userId = await bank.member(100);
      await reserve(userId, unique("before"));
      database.pause();
      const startedMs = performance.now();
      const calls: Promise<unknown>[] = [];
      // They arrive one after the other, so that they wait for several batches.
      for (let at = 0; at < 20; at++) {
        calls.push(assertRefused(reserve(userId, unique("queued")), "DATABASE_UNAVAILABLE"));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await Promise.all(calls);
      assert.ok(performance.now() - startedMs < ANSWERED_WITHIN_MS);
    });
  });
}
