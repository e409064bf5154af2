import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Redis } from "ioredis";
import { createConnection } from "mysql2/promise";
import type { Connection, RowDataPacket } from "mysql2/promise";

import { startLocalDatabase } from "../../src/local/database.ts";
import type { LocalDatabase } from "../../src/local/database.ts";
import { firstWords } from "../../src/local/port.ts";
import { startLocalRedis } from "../../src/local/redis.ts";
import { startProcess } from "../../src/local/server-process.ts";
import { execute, flavours, freshDirectory } from "../support/servers.ts";

const SERVER_PARENT = fileURLToPath(new URL("../support/server-parent.ts", import.meta.url));
const LOG_BYTES_MAX = 16 * 1024 * 1024;

async function query(url: string, sql: string): Promise<RowDataPacket[]> {
  const connection = await createConnection(url);
  try {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return rows;
  } finally {
    await connection.end();
  }
}

async function variablesOf({ url }: LocalDatabase): Promise<Map<string, string>> {
  const rows = await query(url, "show global variables");
  return new Map(rows.map((row) => [String(row["Variable_name"]), String(row["Value"])]));
}

/** Starts a server from another process, so that a test can kill the server's parent. */
async function startInOtherProcess(...words: string[]) {
  const parent = spawn(process.execPath, [SERVER_PARENT, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: parent.stdout });
  const [line] = (await once(lines, "line")) as [string];
  const { url, pid } = JSON.parse(line) as { url: string; pid: number };
  const kill = async () => {
    const exit = once(parent, "exit");
    parent.kill("SIGKILL");
    await exit;
  };
  return { url, pid, kill };
}

async function answerTo(port: number, words: string): Promise<string> {
  const answer = await firstWords({ host: "127.0.0.1", port }, words, (bytes) => bytes.length > 0);
  return answer?.toString() ?? "";
}

/** Resolves when the server ends a connection that is idle. */
function endOf(connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    connection.on("error", () => resolve());
    connection.on("end", () => resolve());
  });
}

/**
 * Another one's child tells nobody here that it ended. A dead process that its new parent has not
 * noticed yet, as in a container whose first process notices nothing, has no command line.
 */
async function untilDead(pid: number): Promise<void> {
  const commandLine = () => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  while ((await commandLine()) !== "") await sleep(10);
}

for (const flavour of flavours()) {
  describe(`a private ${flavour}`, () => {
    let dataDir: string;
    let database: LocalDatabase;

    before(async () => {
      dataDir = join(await freshDirectory(), "data");
      database = await startLocalDatabase({ flavour, dataDir });
    });

    after(() => database.kill());

    it("is never less durable than production", async () => {
      const variables = await variablesOf(database);
      const expected = {
        innodb_flush_log_at_trx_commit: "1",
        sync_binlog: "1",
        log_bin: "ON",
        binlog_format: "ROW",
        innodb_doublewrite: "ON",
        binlog_expire_logs_seconds: "86400",
        innodb_lock_wait_timeout: "5",
        max_connections: "200",
        character_set_server: "utf8mb4",
        collation_server: "utf8mb4_bin",
        time_zone: "+00:00",
        performance_schema: "OFF",
        skip_name_resolve: "ON",
        bind_address: "127.0.0.1",
        local_infile: "OFF",
      };
      const found = Object.keys(expected).map((name) => [name, variables.get(name)]);
      assert.deepEqual(Object.fromEntries(found), expected);
      assert.equal(
        variables.get("transaction_isolation") ?? variables.get("tx_isolation"),
        "READ-COMMITTED",
      );
      assert.match(variables.get("sql_mode") ?? "", /STRICT_TRANS_TABLES.*STRICT_ALL_TABLES/);
    });

    it("is the flavour and version that it says", async () => {
      const [row] = await query(database.url, "select version() as version");
      assert.ok(String(row?.["version"]).startsWith(database.version));
      assert.equal(/mariadb/i.test(String(row?.["version"])), flavour === "mariadb");
    });

    it("lets nobody in without the kept password", async () => {
      for (const user of ["billing", "root", "mysql", ""]) {
        const stranger = createConnection({ host: "127.0.0.1", port: database.port, user });
        await assert.rejects(stranger, { code: "ER_ACCESS_DENIED_ERROR" });
      }
      const password = await stat(`${dataDir}.password`);
      assert.equal(password.mode & 0o777, 0o600);
      assert.equal((await stat(dataDir)).mode & 0o077, 0);
    });

    it("keeps its data over a stop and a start", async () => {
      await execute(database.url, "create database kept");
      await execute(database.url, "create table kept.rows_of_test (id int primary key)");
      await execute(database.url, "insert into kept.rows_of_test values (1)");
      await database.stop();
      database = await startLocalDatabase({ dataDir });
      assert.equal(database.flavour, flavour);
      assert.equal((await query(database.url, "select id from kept.rows_of_test")).length, 1);
    });

    it("keeps what was committed when it is killed", async () => {
      await execute(database.url, "insert into kept.rows_of_test values (2)");
      await database.kill();
      database = await startLocalDatabase({ flavour, dataDir });
      assert.equal((await query(database.url, "select id from kept.rows_of_test")).length, 2);
    });

    it("hangs while it is paused and answers when it is resumed", async () => {
      const connection = await createConnection(database.url);
      database.pause();
      // SIGSTOP reaches the threads one by one, so one of them may still answer: ask until none does.
      let answer: Promise<unknown> = Promise.resolve();
      let answered = true;
      for (let tries = 0; answered && tries < 50; tries += 1) {
        answered = false;
        answer = connection.query("select 1").then(() => (answered = true));
        // What could answer at once has its turn while a second connection waits in vain.
        await assert.rejects(createConnection({ uri: database.url, connectTimeout: 200 }));
      }
      assert.equal(answered, false);
      database.resume();
      await answer;
      assert.equal(answered, true);
      await connection.end();
    });

    it("takes the settings of its caller over its own", async () => {
      const extraArgs = ["--sync-binlog=0", "--innodb-flush-log-at-trx-commit=2"];
      await database.stop();
      database = await startLocalDatabase({ flavour, dataDir, extraArgs, bufferPoolMiB: 64 });
      const variables = await variablesOf(database);
      assert.equal(variables.get("sync_binlog"), "0");
      assert.equal(variables.get("innodb_flush_log_at_trx_commit"), "2");
      assert.equal(variables.get("innodb_buffer_pool_size"), `${64 * 1024 * 1024}`);
    });

    it("refuses the data of the other flavour", async () => {
      const other = flavour === "mysql" ? "mariadb" : "mysql";
      await assert.rejects(startLocalDatabase({ flavour: other, dataDir }), /were made by/);
    });

    it("leaves a folder alone that holds something else", async () => {
      const own = await freshDirectory();
      await writeFile(join(own, "letter.txt"), "dear reader");
      await assert.rejects(startLocalDatabase({ flavour, dataDir: own }), /something else/);
      assert.deepEqual(await readdir(own), ["letter.txt"]);
    });

    it("shows the end of its log when it can't start", async () => {
      const own = join(await freshDirectory(), "data");
      const start = startLocalDatabase({ flavour, dataDir: own, extraArgs: ["--no-such-setting"] });
      await assert.rejects(start, /ended while it started:[^]*no-such-setting/);
    });

    it("refuses a port that is taken", async () => {
      const own = join(await freshDirectory(), "data");
      await assert.rejects(
        startLocalDatabase({ flavour, dataDir: own, port: database.port }),
        /ended while it started/,
      );
    });

    it("dies with its parent, and its data serve the next one", async () => {
      const own = join(await freshDirectory(), "data");
      const orphan = await startInOtherProcess(flavour, own);
      await execute(orphan.url, "create database orphaned");
      const end = endOf(await createConnection(orphan.url));
      await orphan.kill();
      await end;
      const next = await startLocalDatabase({ flavour, dataDir: own });
      await untilDead(orphan.pid);
      assert.equal((await query(next.url, "show databases like 'orphaned'")).length, 1);
      await next.stop();
    });

    it("outlives its parent when it was asked to", async () => {
      const own = join(await freshDirectory(), "data");
      const survivor = await startInOtherProcess(flavour, own, "survives");
      const connection = await createConnection(survivor.url);
      await survivor.kill();
      await connection.query("create database after_the_parent");
      const end = endOf(connection);
      process.kill(survivor.pid, "SIGKILL");
      await end;
    });
  });
}

describe("a private Redis", () => {
  it("evicts nothing, keeps its data and lets nobody in without the password", async () => {
    const dataDir = join(await freshDirectory(), "redis");
    let server = await startLocalRedis({ dataDir });
    let client = new Redis(server.url);
    const setting = async (name: string) => (await client.config("GET", name))[1];
    assert.equal(await setting("maxmemory-policy"), "noeviction");
    assert.equal(await setting("appendonly"), "yes");
    assert.equal(await setting("appendfsync"), "everysec");
    await client.set("kept", "1");
    client.disconnect();
    assert.match(await answerTo(server.port, "GET kept\r\n"), /^-NOAUTH/);
    await server.stop();

    server = await startLocalRedis({ dataDir });
    client = new Redis(server.url);
    assert.equal(await client.get("kept"), "1");
    client.disconnect();
    await server.kill();
  });

  it("dies with its parent", async () => {
    const dataDir = join(await freshDirectory(), "redis");
    const orphan = await startInOtherProcess("redis", dataDir);
    const client = new Redis(orphan.url, { retryStrategy: () => null });
    await client.ping();
    const end = once(client, "end");
    await orphan.kill();
    await end;
    await untilDead(orphan.pid);
  });
});

describe("a server process", () => {
  it("can't fill the disk with its log", async () => {
    const logFile = join(await freshDirectory(), "looping.log");
    const endless = ["head", "-c", `${LOG_BYTES_MAX * 2}`, "/dev/zero"];
    const looping = startProcess({ name: "looping", command: endless, logFile });
    await looping.ended;
    assert.equal((await stat(logFile)).size, LOG_BYTES_MAX);
  });
});
