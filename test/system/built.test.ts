/** What `npm run build` makes, as other teams install it: plain JavaScript, with all that it needs. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { healthOf } from "../support/health.ts";
import { killPrograms, startProgram } from "../support/program.ts";
import { flavours, freshDirectory, freshSchema } from "../support/servers.ts";
import { sha256, tokenOf } from "../support/service.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MANIFEST = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: { readonly "./client": { readonly types: string; readonly default: string } };
};

describe("what npm run build makes", () => {
  before(async () => {
    await promisify(execFile)("npm", ["run", "build"], { cwd: ROOT });
  });
  afterEach(killPrograms);

  it("is a server that serves, with its contract and its version", async () => {
    const schema = await freshSchema(flavours()[0]!);
    const file = join(await freshDirectory(), "identities.json");
    const admin = { name: "admin", roles: ["admin"], token_sha256: sha256(tokenOf("admin")) };
    writeFileSync(file, JSON.stringify([admin]));
    const program = startProgram(["dist/src/main.js"], {
      cwd: ROOT,
      env: {
        DATABASE_URL: schema.url,
        IDENTITIES_FILE: file,
        GRPC_PORT: "0",
        METRICS_PORT: "0",
        MIGRATE_ON_START: "true",
        SEED_ON_START: "true",
      },
    });
    const line = await program.line(/"message":"listening"/);
    const { host, port, metrics } = JSON.parse(line) as {
      host: string;
      port: number;
      metrics: string;
    };
    await program.line(/"message":"ready"/);
    assert.equal(await healthOf(`${host}:${port}`), "SERVING");
    const text = await (await fetch(metrics)).text();
    assert.ok(text.includes(`service_version="${MANIFEST.version}"`), text);
    program.kill("SIGTERM");
    assert.deepEqual(await program.exited, { code: 0, signal: null });
    await schema.drop();
  });

  it("has every program that the package promises, and the client with its types", async () => {
    for (const [name, path] of Object.entries(MANIFEST.bin)) {
      assert.match(readFileSync(join(ROOT, path), "utf8"), /^#!\/usr\/bin\/env node\n/, name);
      const program = startProgram([path, "--help"], { cwd: ROOT });
      assert.equal((await program.exited).code, 0, program.lines.join("\n"));
      assert.ok(
        program.lines.some((line) => line.includes(name)),
        program.lines.join("\n"),
      );
    }
    const { types, default: code } = MANIFEST.exports["./client"];
    const client = (await import(join(ROOT, code))) as Record<string, unknown>;
    assert.equal(typeof client["withReservation"], "function");
    assert.match(readFileSync(join(ROOT, types), "utf8"), /withReservation/);
  });
});
