import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { createConnection, type Connection } from "mysql2/promise";

import * as membership from "../../src/gen/billing/membership/v1/membership_service.ts";
import * as quota from "../../src/gen/billing/quota/v1/quota_service.ts";
import { startLocalDatabase } from "../../src/local/database.ts";
import { assertRefused, Caller } from "../support/calls.ts";
import { healthOf } from "../support/health.ts";
import { killPrograms, startProgram, type Program } from "../support/program.ts";
import { execute, flavours, freshDirectory, freshSchema } from "../support/servers.ts";
import { sha256, tokenOf } from "../support/service.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

async function startMain(env: Record<string, string>): Promise<Program> {
  const file = join(await freshDirectory(), "identities.json");
  const admin = { name: "admin", roles: ["admin"], token_sha256: sha256(tokenOf("admin")) };
  writeFileSync(file, JSON.stringify([admin]));
  return startProgram(["src/main.ts"], {
    cwd: ROOT,
    env: {
      IDENTITIES_FILE: file,
      GRPC_PORT: "0",
      METRICS_PORT: "0",
      MIGRATE_ON_START: "true",
      SEED_ON_START: "true",
      ...env,
    },
  });
}

/** Where it listens; told in its log. */
async function addressOf(program: Program): Promise<{ address: string; metrics: string }> {
  const { host, port, metrics } = JSON.parse(await program.line(/"message":"listening"/)) as {
    host: string;
    port: number;
    metrics: string;
  };
  return { address: `${host}:${port}`, metrics };
}

const READY = /"message":"ready"/;
const ENDING = /"message":"ending:/;
const token = tokenOf("admin");

function register(caller: Caller, userId: string) {
  const request = { idempotencyKey: `register-${userId}`, userId, validateOnly: false };
  return caller.call(membership.MembershipServiceService.registerUser, request, { token });
}

function reserve(caller: Caller, userId: string) {
  const request = {
    idempotencyKey: `reserve-${userId}`,
    userId,
    featureId: "image_upscale",
    taskId: `task-${userId}`,
    quantity: undefined,
    ttl: undefined,
    labels: new Map(),
    validateOnly: false,
  };
  return caller.call(quota.QuotaServiceService.reserveQuota, request, { token });
}

describe("the server as a program", () => {
  let caller: Caller | undefined;

  afterEach(async () => {
    caller?.close();
    caller = undefined;
    await killPrograms();
  });

  it("ends with code 2 and every fault of its configuration", async () => {
    const program = startProgram(["src/main.ts"], { cwd: ROOT, env: { GRPC_PORT: "x" } });
    assert.deepEqual(await program.exited, { code: 2, signal: null });
    const names = program.lines.slice(1).map((line) => line.split(" ")[0]);
    assert.deepEqual(names, ["DATABASE_URL", "GRPC_PORT", "IDENTITIES_FILE"]);
  });

  it("ends with code 1 and the cause when its port is taken", async () => {
    const schema = await freshSchema(flavours()[0]!);
    const first = await startMain({ DATABASE_URL: schema.url });
    const { address } = await addressOf(first);
    const port = address.split(":")[1]!;
    const second = await startMain({ DATABASE_URL: schema.url, GRPC_PORT: port });
    assert.deepEqual(await second.exited, { code: 1, signal: null });
    assert.ok(
      second.lines.some((line) => line.includes("EADDRINUSE")),
      second.lines.join("\n"),
    );
    first.kill("SIGINT");
    assert.deepEqual(await first.exited, { code: 0, signal: null });
    await schema.drop();
  });

  for (const flavour of flavours()) {
    it(`loses no answer to SIGTERM while 200 calls are in flight, on ${flavour}`, async () => {
      const schema = await freshSchema(flavour);
      const program = await startMain({ DATABASE_URL: schema.url });
      const { address, metrics } = await addressOf(program);
      await program.line(READY);
      caller = new Caller(address);
      const users = Array.from({ length: 200 }, (_, at) => `user-${at}`);
      await Promise.all(users.map((userId) => register(caller!, userId)));

      // All of them wait for rows that somebody else holds, so none is answered before the signal.
      const holder = await createConnection(schema.url);
      await holder.beginTransaction();
      await holder.query("select * from users for update");
      const answers = users.map((userId) => reserve(caller!, userId));
      await until(async () => (await gauge(metrics, "rpc_server_in_flight")) === users.length);
      program.kill("SIGTERM");
      await program.line(ENDING);
      await holder.rollback();

      const reservations = await Promise.all(answers);
      const ids = reservations.map(({ reservation }) => reservation!.reservationId);
      assert.equal(new Set(ids).size, users.length);
      assert.deepEqual(await program.exited, { code: 0, signal: null });
      const kept = await reservationIds(holder);
      assert.deepEqual(kept, ids.toSorted());
      await holder.end();
      await schema.drop();
    });
  }

  it("ends at once at the second signal", async () => {
    const schema = await freshSchema(flavours()[0]!);
    const program = await startMain({ DATABASE_URL: schema.url });
    const { address, metrics } = await addressOf(program);
    await program.line(READY);
    caller = new Caller(address);
    await register(caller, "user");
    const holder = await createConnection(schema.url);
    await holder.beginTransaction();
    await holder.query("select * from users for update");
    const call = reserve(caller, "user");
    // Its connection breaks: UNAVAILABLE, or INTERNAL where the break comes within a frame.
    const lost = assert.rejects(call, ({ code }: { code: number }) => code === 14 || code === 13);
    await until(async () => (await gauge(metrics, "rpc_server_in_flight")) === 1);
    program.kill("SIGTERM");
    await program.line(ENDING);
    program.kill("SIGTERM");
    assert.deepEqual(await program.exited, { code: 143, signal: null });
    await lost;
    await holder.rollback();
    await holder.end();
    await schema.drop();
  });

  it("starts before its database, and serves once it comes and is durable", async () => {
    const dataDir = join(await freshDirectory(), "database");
    const flavour = flavours()[0]!;
    // Made once, so that its password and its port are known while it's away.
    const first = await startLocalDatabase({ dataDir, flavour });
    await execute(first.url, "create database billing");
    await first.stop();

    const program = await startMain({ DATABASE_URL: `${first.url}billing` });
    const { address } = await addressOf(program);
    caller = new Caller(address);
    await program.line(/"message":"not ready"/);
    assert.equal(await healthOf(address), "NOT_SERVING");
    await assertRefused(register(caller, "early"), "DATABASE_UNAVAILABLE");

    const weak = ["--sync-binlog=0"];
    const second = await startLocalDatabase({
      dataDir,
      flavour,
      port: first.port,
      extraArgs: weak,
    });
    await program.line(/sync_binlog is 0, must be 1/);
    assert.equal(await healthOf(address), "NOT_SERVING");
    await assertRefused(register(caller, "early"), "DATABASE_UNAVAILABLE");

    await execute(second.url, "set global sync_binlog = 1");
    await program.line(READY);
    assert.equal(await healthOf(address), "SERVING");
    await register(caller, "user");

    await second.stop();
    await untilHealth(address, "NOT_SERVING");
    const third = await startLocalDatabase({ dataDir, flavour, port: first.port });
    await untilHealth(address, "SERVING");
    await reserve(caller, "user");
    program.kill("SIGTERM");
    assert.deepEqual(await program.exited, { code: 0, signal: null });
    await third.stop();
  });
});

describe("a program of ours", () => {
  const script = (work: string) => `
    import { runUntilSignal } from "./src/lifecycle.ts";
    const write = (facts, message) => console.log(message, facts.err?.message ?? "");
    const log = { debug: write, info: write, warn: write, error: write };
    setInterval(() => {}, 60_000);
    ${work}`;
  const start = (work: string) =>
    startProgram(["--input-type=module-typescript", "-e", script(work)], { cwd: ROOT });
  const close = `close: async () => console.log("closed")`;

  it("closes and ends with code 1 at an error that nobody caught", async () => {
    for (const fault of ["throw new Error('lost')", "void Promise.reject(new Error('lost'))"]) {
      const program = start(`
        runUntilSignal({ log, closeTimeoutMs: 60_000, ${close} });
        setImmediate(() => { ${fault}; });`);
      assert.deepEqual(await program.exited, { code: 1, signal: null });
      assert.deepEqual(program.lines.slice(0, 2), ["an error that nobody caught lost", "closed"]);
    }
  });

  it("ends with code 1 when closing takes too long", async () => {
    const program = start(`
      runUntilSignal({ log, closeTimeoutMs: 1, close: () => new Promise(() => {}) });
      console.log("up");`);
    await program.line(/^up$/);
    program.kill("SIGTERM");
    assert.deepEqual(await program.exited, { code: 1, signal: null });
  });
});

async function reservationIds(connection: Connection): Promise<string[]> {
  const [rows] = await connection.query("select reservation_id from quota_reservations order by 1");
  return (rows as { reservation_id: string }[]).map((row) => row.reservation_id);
}

async function gauge(url: string, series: string): Promise<number> {
  const text = await (await fetch(url)).text();
  return Number(new RegExp(`^${series} (\\S+)$`, "m").exec(text)?.[1]);
}

/** Asks again until it holds; the test's own time limit ends what never comes. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function untilHealth(address: string, status: string): Promise<void> {
  await until(async () => (await healthOf(address)) === status);
}
