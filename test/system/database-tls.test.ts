/** The way to the database, encrypted: whom the server talks to, and whom it doesn't. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../src/config.ts";
import { databaseIn } from "../../src/config/database.ts";
import { startLocalDatabase, type LocalDatabase } from "../../src/local/database.ts";
import { makeCertificate, type Certificate } from "../support/certificate.ts";
import { healthOf } from "../support/health.ts";
import { killPrograms, startProgram, type Program } from "../support/program.ts";
import { execute, flavours, freshDirectory, freshSchema } from "../support/servers.ts";
import { sha256, tokenOf } from "../support/service.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUFFER_POOL_MIB = 64;
const ADMIN = { name: "admin", roles: ["admin"], token_sha256: sha256(tokenOf("admin")) };
/** Has a server read its certificate again. */
const RELOAD_SQL = { mysql: "alter instance reload tls", mariadb: "flush ssl" };

for (const flavour of flavours()) {
  describe(`a ${flavour} that takes encrypted connections only`, () => {
    let directory: string;
    let database: LocalDatabase;
    /** Its schema by the host's name, and by its address. */
    let byName: string;
    let byAddress: string;
    let authority: Certificate;
    before(async () => {
      directory = await freshDirectory();
      authority = makeCertificate({ commonName: "an authority" });
      writeOwn("localhost");
      const ca = write("ca.pem", authority.certPem);
      write("stranger.pem", makeCertificate({ commonName: "a stranger" }).certPem);
      database = await startLocalDatabase({
        flavour,
        dataDir: join(directory, "database"),
        bufferPoolMiB: BUFFER_POOL_MIB,
        extraArgs: [
          `--ssl-ca=${ca}`,
          `--ssl-cert=${join(directory, "server.pem")}`,
          `--ssl-key=${join(directory, "server.key")}`,
        ],
      });
      byAddress = (await freshSchema(flavour, database)).url;
      await execute(database.url, "set global require_secure_transport = on");
      byName = byAddress.replace("127.0.0.1", "localhost");
    });
    afterEach(killPrograms);
    after(() => database.kill());

    const write = (name: string, content: string): string => {
      const path = join(directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    /** The database's own certificate: its host's name and its authority are right, or not. */
    const writeOwn = (host: string): void => {
      const names = [`DNS:${host}`];
      const own = makeCertificate({ commonName: "database", names, issuer: authority });
      write("server.pem", own.certPem);
      write("server.key", own.keyPem);
    };
    const run = (program: string, env: Readonly<Record<string, string>>): Program =>
      startProgram([program], { cwd: ROOT, env });
    const server = (env: Readonly<Record<string, string>>): Program =>
      run("src/main.ts", {
        IDENTITIES_FILE: write("identities.json", JSON.stringify([ADMIN])),
        GRPC_PORT: "0",
        METRICS_PORT: "0",
        MIGRATE_ON_START: "true",
        SEED_ON_START: "true",
        DATABASE_URL: byName,
        ...env,
      });
    /** For the test's own statements: mysql2 takes this parameter in a URL. */
    const encrypted = (): string => `${byAddress}?ssl={"rejectUnauthorized":false}`;
    const verified = (ca: string) => ({
      DATABASE_TLS: "verify",
      DATABASE_TLS_CA_FILE: join(directory, ca),
    });

    it("is served from when its certificate is trusted, and by every program", async () => {
      const migrating = run("bin/migrate.ts", { DATABASE_URL: byName, ...verified("ca.pem") });
      assert.equal((await migrating.exited).code, 0, migrating.lines.join("\n"));
      const program = server(verified("ca.pem"));
      await program.line(/"message":"ready"/);
      const queue = startProgram(["bin/queue.ts", "list-dead"], {
        cwd: ROOT,
        env: { DATABASE_URL: byName, ...verified("ca.pem") },
      });
      await queue.exited;
      assert.deepEqual(
        queue.lines.filter((line) => /certificate|encrypted|reached/.test(line)),
        [],
      );
    });

    it("is served from unverified when that is asked for, by its address too", async () => {
      await server({ DATABASE_TLS: "require", DATABASE_URL: byAddress }).line(/"message":"ready"/);
    });

    it("is not talked to when its certificate is a stranger's, and the log says so", async () => {
      const program = server(verified("stranger.pem"));
      await program.line(
        /the database has a certificate that isn't trusted \(.*\): see DATABASE_TLS_CA_FILE/,
      );
      const line = await program.line(/"message":"listening"/);
      const { host, port } = JSON.parse(line) as { host: string; port: number };
      assert.equal(await healthOf(`${host}:${port}`), "NOT_SERVING");
      assert.ok(!program.lines.some((text) => text.includes(new URL(byName).password)));
    });

    it("is not talked to when its certificate is another host's", async () => {
      writeOwn("elsewhere.test");
      await execute(encrypted(), RELOAD_SQL[flavour]);
      try {
        const program = server(verified("ca.pem"));
        await program.line(/the database has a certificate that isn't trusted \(.*elsewhere\.test/);
      } finally {
        writeOwn("localhost");
        await execute(encrypted(), RELOAD_SQL[flavour]);
      }
    });

    it("tells a server that comes without encryption what to set", async () => {
      await server({}).line(/the database (?:takes encrypted|refuses the account).*DATABASE_TLS/);
      const migrating = run("bin/migrate.ts", { DATABASE_URL: byName });
      assert.equal((await migrating.exited).code, 1);
    });
  });
}

describe("the configuration of the way to the database", () => {
  it("refuses what would protect nothing", async () => {
    const directory = await freshDirectory();
    const ca = join(directory, "ca.pem");
    writeFileSync(ca, makeCertificate({ commonName: "an authority" }).certPem);
    const noCertificate = join(directory, "garbage.pem");
    writeFileSync(noCertificate, "garbage");
    const url = "mysql://billing:canary@db.internal:3306/billing";
    const cases: [Record<string, string>, RegExp][] = [
      [{ DATABASE_URL: `${url}?ssl-mode=REQUIRED` }, /DATABASE_URL must have no parameters/],
      [{ DATABASE_TLS: "yes" }, /DATABASE_TLS must be one of off, require, verify/],
      [{ DATABASE_TLS_CA_FILE: ca }, /DATABASE_TLS_CA_FILE needs DATABASE_TLS=verify/],
      [
        { DATABASE_TLS: "verify", DATABASE_TLS_CA_FILE: noCertificate },
        /DATABASE_TLS_CA_FILE is no certificate in PEM/,
      ],
      [
        { DATABASE_TLS: "verify", DATABASE_URL: url.replace("db.internal", "10.0.0.1") },
        /DATABASE_URL must name its host by name/,
      ],
      [
        { DATABASE_TLS: "verify", DATABASE_URL: url.replace("db.internal", "[::1]") },
        /DATABASE_URL must name its host by name/,
      ],
    ];
    for (const read of [loadConfig, databaseIn]) {
      for (const [env, expected] of cases) {
        assert.throws(
          () => read({ DATABASE_URL: url, ...env }),
          ({ message }: Error) => expected.test(message) && !message.includes("canary"),
        );
      }
    }
  });
});
