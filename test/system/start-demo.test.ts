import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, statSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { killPrograms, startProgram, type Program } from "../support/program.ts";
import { freshDirectory } from "../support/servers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const UP = /^Ctrl-C stops everything/;
const USUAL_PORTS = [50_051, 9_464];

/** The project as a clone has it, with packages that are there already. */
async function copyOfProject(): Promise<string> {
  const folder = join(await freshDirectory(), "project");
  for (const part of ["bin", "migrations", "src", "package.json", "buf.yaml"]) {
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Runs a line as if it had been pasted into a shell in the project's folder. */
async function paste(line: string, cwd: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)("sh", ["-c", line], { cwd });
  return JSON.parse(stdout) as unknown;
}

function bufLines({ lines }: Program): string[] {
  return lines.filter((line) => line.includes("buf curl")).map((line) => line.trim());
}

describe("npm start", () => {
  afterEach(killPrograms);

  it("shows a round trip and calls that work when pasted, twice on the same data", async () => {
    const folder = await copyOfProject();
    const first = startProgram(["bin/start.ts"], { cwd: folder });
    await first.line(UP);
    const shown = first.lines.filter((line) =>
      /^(registered|reserved|committed|refunded|ordered|paid) /.test(line),
    );
    assert.deepEqual(
      shown.map((line) => line.replace(/demo-\w+|\d{4}-\d\d-\d\d|pr=\w+/g, "X").replace(/ +/, " ")),
      [
        "registered X: trial until X, 20 quota",
        "reserved 5 for ai_video_generation, balance now 15 available, 5 held",
        "committed the task is done, balance now 15 available, 0 held",
        "reserved 2 for image_background_removal, balance now 13 available, 2 held",
        "refunded the step failed, balance now 15 available, 0 held",
        "ordered membership-monthly for ¥99, to be paid with weixin://wxpay/bizpayurl?X",
        "paid the callback came: member until X, 315 available",
      ],
    );
    const [balance = "", reserve = "", explain = ""] = bufLines(first);
    const { balance: before } = (await paste(balance, folder)) as { balance: object };
    assert.equal((before as { available: string }).available, "315");
    const held = (await paste(reserve, folder)) as { reservation: { state: string } };
    assert.equal(held.reservation.state, "STATE_HELD");
    await paste(explain, folder);
    const secrets = [
      "identities.json",
      "admin.token",
      "database.password",
      "sealing-keys.json",
      "wechat/account.json",
    ];
    for (const file of secrets) {
      assert.equal(statSync(join(folder, ".data", file)).mode & 0o777, 0o600, file);
    }
    first.kill("SIGINT");
    assert.deepEqual(await first.exited, { code: 0, signal: null });

    const second = startProgram(["bin/start.ts"], { cwd: folder });
    await second.line(UP);
    // The tokens, the user and the open hold of the first run are still there.
    const [address = ""] = /127\.0\.0\.1:\d+/.exec(bufLines(second)[0]!) ?? [];
    const again = balance.replace(/127\.0\.0\.1:\d+/, address);
    const { balance: after } = (await paste(again, folder)) as { balance: object };
    assert.deepEqual(pick(after), { available: "314", held: "1" });
    second.kill("SIGTERM");
    assert.deepEqual(await second.exited, { code: 0, signal: null });
  });

  it("takes other ports when the usual ones are taken, and says so", async () => {
    const folder = await copyOfProject();
    const holders = await Promise.all(USUAL_PORTS.map(hold));
    const program = startProgram(["bin/start.ts"], { cwd: folder });
    await program.line(UP);
    for (const port of USUAL_PORTS) {
      assert.ok(program.lines.some((line) => line.includes(`${port} is taken, so another`)));
    }
    await paste(bufLines(program)[0]!, folder);
    program.kill("SIGTERM");
    await program.exited;
    for (const release of holders) release();
  });

  it("leaves a port that was asked for by name to whoever has it, and ends", async () => {
    const folder = await copyOfProject();
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const env = { GRPC_PORT: String(port), METRICS_PORT: "0" };
    const program = startProgram(["bin/start.ts"], { cwd: folder, env });
    assert.deepEqual(await program.exited, { code: 1, signal: null });
    assert.ok(
      program.lines.some((line) => line.includes("EADDRINUSE")),
      program.lines.join("\n"),
    );
    server.close();
  });
});

function pick(balance: object): object {
  const { available, held } = balance as { available: string; held: string };
  return { available, held };
}

/** Takes a port, unless somebody else has it already, which is just as well. */
function hold(port: number): Promise<() => void> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(() => undefined));
    server.listen(port, "127.0.0.1", () => resolve(() => server.close()));
  });
}
