import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { status as Code } from "@grpc/grpc-js";

import {
  BillingError,
  connect,
  isReason,
  stateName,
  type BillingClient,
} from "../../src/client/index.ts";
import { toBillingError } from "../../src/client/errors.ts";
import { runHook } from "../../src/client/hook.ts";
import { Role } from "../../src/gen/billing/option/v1/options.ts";
import { QuotaServiceService } from "../../src/gen/billing/quota/v1/quota_service.ts";
import { PLAIN_FEATURE, unique } from "../support/bank.ts";
import { bookFaults } from "../support/books.ts";
import { makeCertificate } from "../support/certificate.ts";
import { flavours, freshDirectory } from "../support/servers.ts";
import { startTestService, tokenOf, type TestService } from "../support/service.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

const featureId = PLAIN_FEATURE;

describe("client and service", () => {
  let service: TestService;
  let client: BillingClient;

  before(async () => {
    service = await startTestService(flavours()[0]!);
    client = connect({ address: service.address, token: tokenOf("admin") });
  });
  after(async () => {
    client.close();
    await service.close();
  });
  afterEach(async () => assert.deepEqual(await bookFaults(service.bank.sql), []));

  const hold = (userId: string, key: string) => ({
    idempotencyKey: key,
    userId,
    featureId,
    taskId: key,
  });

  it("agree on every call that a pipeline makes", async () => {
    const userId = unique("client-user");
    const { membership, grantedAmount } = await client.registerUser({
      idempotencyKey: userId,
      userId,
    });
    assert.equal(membership.userId, userId);
    assert.equal((await client.membership(userId)).membership.userId, userId);
    assert.equal((await client.checkEntitlement({ userId, featureId })).entitled, true);
    assert.ok((await client.plans()).plans.length > 0);
    const { allowed, requiredAmount } = await client.check({ userId, featureId, quantity: 3 });
    assert.deepEqual([allowed, requiredAmount], [true, 3n]);

    const taskId = unique("client-task");
    const labels = { step: "render" };
    const input = {
      idempotencyKey: taskId,
      userId,
      featureId,
      taskId,
      quantity: 3,
      ttlMs: 60_000,
      labels,
    };
    const { reservation, replayed } = await client.reserve(input);
    const { reservationId } = reservation;
    assert.deepEqual(
      [reservation.amount, stateName(reservation.state), replayed],
      [3n, "HELD", false],
    );
    assert.equal((await client.reserve(input)).replayed, true);
    const extended = await client.extend({ idempotencyKey: taskId, reservationId, ttlMs: 120_000 });
    assert.ok(extended.reservation.expireTime! > reservation.expireTime!);
    const committed = await client.commit({
      idempotencyKey: taskId,
      reservationId,
      actualAmount: 2n,
    });
    assert.equal(committed.balance.available, grantedAmount - 2n);
    const refund = {
      idempotencyKey: taskId,
      reservationId,
      reason: "TIMEOUT",
      failedStep: "render",
    } as const;
    assert.equal((await client.refund(refund)).balance.available, grantedAmount);
    assert.equal(stateName((await client.getReservation(reservationId)).state), "REFUNDED");
    assert.equal((await client.explain(reservationId)).reservation.refundReason, "TIMEOUT");
    assert.equal((await client.listReservations({ taskId })).reservations.length, 1);
    const preview = await client.batchReserve({
      ...input,
      lines: [{ featureId }, { featureId, quantity: 2 }],
      validateOnly: true,
    });
    assert.equal(preview.reservations.length, 2);
    assert.equal((await client.balance(userId)).held, 0n);
    const grants = { userId, includeClosed: false, pageSize: 0, pageToken: "" };
    assert.equal((await client.call(QuotaServiceService.listGrants, grants)).grants.length, 1);
  });

  it("agree on errors: the reason, its facts, and the fields", async () => {
    const userId = await service.bank.member(5);
    const poor = await client
      .reserve({ ...hold(userId, unique("k")), quantity: 6 })
      .catch(toBillingError);
    assert.ok(isReason(poor, "QUOTA_INSUFFICIENT"));
    assert.deepEqual([poor.metadata.get("available"), poor.metadata.get("required")], ["5", "6"]);
    assert.ok((poor.localizedMessage ?? "") !== "");
    const bad = await client.reserve({ ...hold("", "a b"), quantity: -1 }).catch(toBillingError);
    assert.ok(isReason(bad, "INVALID_FIELD"));
    const fields = bad.violations.map(({ subject }) => subject);
    assert.deepEqual(fields, ["idempotency_key", "user_id", "task_id", "quantity"]);
    const stranger = connect({ address: service.address, token: "nobody" });
    const unknown = await stranger.balance(userId).catch(toBillingError);
    stranger.close();
    assert.ok(isReason(unknown, "UNAUTHENTICATED"));
  });

  it("know each other by certificates, and the client no impostor", async () => {
    const authority = makeCertificate({ commonName: "authority" });
    const server = makeCertificate({
      commonName: "server",
      names: ["DNS:billing"],
      issuer: authority,
    });
    const caller = makeCertificate({
      commonName: "caller",
      names: ["URI:spiffe://test/pipeline"],
      issuer: authority,
    });
    const pem = ({ certPem, keyPem }: typeof server) => ({
      certPem: Buffer.from(certPem),
      keyPem: Buffer.from(keyPem),
    });
    const caPem = Buffer.from(authority.certPem);
    const secured = await startTestService(flavours()[0]!, {
      tls: { ...pem(server), clientCaPem: caPem },
      identities: [{ name: "pipeline", roles: [Role.PIPELINE], uriSan: "spiffe://test/pipeline" }],
    });
    const userId = await secured.bank.member(5);
    const tls = { caPem, ...pem(caller), serverName: "billing" };
    const known = connect({ address: secured.address, tls });
    assert.equal((await known.balance(userId)).available, 5n);
    const impostor = Buffer.from(makeCertificate({ commonName: "authority" }).certPem);
    const wary = connect({
      address: secured.address,
      tls: { ...tls, caPem: impostor },
      callerDeadlineMs: 500,
    });
    const error = await wary.balance(userId).catch(toBillingError);
    assert.ok(error instanceof BillingError && error.code === Code.UNAVAILABLE);
    wary.close();
    known.close();

    const { reservationId } = await secured.bank.reserve(userId, { quantity: 2 });
    const directory = await freshDirectory();
    const file = async (name: string, content: Buffer): Promise<string> => {
      const path = join(directory, name);
      await writeFile(path, content);
      return path;
    };
    const env = {
      BILLING_ADDRESS: secured.address,
      BILLING_SPOOL_DIR: join(directory, "spool"),
      BILLING_TLS_CA_FILE: await file("ca.pem", caPem),
      BILLING_TLS_CERT_FILE: await file("cert.pem", tls.certPem),
      BILLING_TLS_KEY_FILE: await file("key.pem", tls.keyPem),
      BILLING_TLS_SERVER_NAME: "billing",
    };
    const lines: string[] = [];
    const argv = ["refund", "--reservation", reservationId, "--reason", "SYSTEM_ERROR"];
    await runHook({
      argv,
      env,
      print: (line) => void lines.push(line),
      warn: (line) => assert.fail(line),
    });
    assert.equal(JSON.parse(lines[0]!).outcome, "DELIVERED");
    await secured.close();
  });

  it("hold exactly once what was sent over streams that were cut again and again", async () => {
    const userId = await service.bank.member(400);
    const proxy = await startTcpProxy(service.server.port);
    const retry = { initialBackoffMs: 1, maxBackoffMs: 20, budgetTokens: 10_000, maxAttempts: 100 };
    const cut = connect({
      address: proxy.address,
      token: tokenOf("pipeline"),
      retry,
      callerDeadlineMs: 60_000,
    });
    const stream = cut.processQuota({ maxInFlight: 32 });
    let replays = 0;
    let cuts = 0;
    const keys = Array.from({ length: 400 }, () => unique("stream"));
    const answers = keys.map(async (key, index) => {
      const answer = await stream.reserve(hold(userId, key));
      if (answer.replayed) replays += 1;
      if (index % 60 === 30) {
        cuts += 1;
        proxy.block();
        proxy.unblock();
      }
      return answer.reservation.taskId;
    });
    assert.deepEqual(await Promise.all(answers), keys);
    await stream.close();
    cut.close();
    await proxy.stop();
    const [row] = await service.bank.sql(
      `select count(*) n from quota_reservations where user_id = '${userId}' and state = 'HELD' and task_id like 'stream%'`,
    );
    assert.equal(Number(row!["n"]), 400);
    assert.equal((await client.balance(userId)).available, 0n);
    assert.ok(cuts >= 5 && replays > 0, `${cuts} cuts led to ${replays} replays`);
  });

  it("reserve, commit and refund over one stream, refusals included", async () => {
    const userId = await service.bank.member(10);
    const stream = client.processQuota();
    const [one, two] = await Promise.all([
      stream.reserve(hold(userId, unique("s"))),
      stream.reserve(hold(userId, unique("s"))),
    ]);
    const [committed, refunded] = await Promise.all([
      stream.commit({ idempotencyKey: unique("s"), reservationId: one.reservation.reservationId }),
      stream.refund({
        idempotencyKey: unique("s"),
        reservationId: two.reservation.reservationId,
        reason: "TIMEOUT",
      }),
    ]);
    assert.equal(stateName(committed.reservation.state), "COMMITTED");
    assert.equal(stateName(refunded.reservation.state), "REFUNDED");
    const greedy = await stream
      .reserve({ ...hold(userId, unique("s")), quantity: 500 })
      .catch(toBillingError);
    assert.ok(isReason(greedy, "QUOTA_INSUFFICIENT"));
    await stream.close();
    assert.equal((await client.balance(userId)).available, 9n);
  });
});
