import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Simulator } from "../../src/simulator/index.ts";
import { readCommandLine, UsageError } from "../../src/simulator/command-line.ts";
import { killPrograms, startProgram, type Program } from "../support/program.ts";
import { call, NATIVE, orderBody, startEndpoint } from "../support/wechat-merchant.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PROGRAM = "bin/wechat-simulator.ts";

/** Does what curl does with these words, where a machine may not have it. */
// oxlint-disable-next-line typescript/no-explicit-any
async function paste(line: string): Promise<any> {
  const [, method, url, body] = /^curl -s (?:-X (POST) )?(http:\S+)(?: -d '([^']*)')?$/.exec(line) ?? [];
  assert.ok(url, `curl has no such words: ${line}`);
  const made = {
    method: method ?? (body === undefined ? "GET" : "POST"),
    ...(body === undefined ? {} : { body }),
  };
  return (await fetch(url, made)).json();
}

describe("the simulator as a program", () => {
  let directory: string;

  beforeEach(async () => {
    directory = join(await mkdtemp(join(tmpdir(), "wechat-simulator-")), "keys");
  });
  afterEach(async () => {
    await killPrograms();
    await rm(join(directory, ".."), { recursive: true });
  });

  const start = async (...words: string[]): Promise<{ program: Program; url: string }> => {
    const program = startProgram([PROGRAM, "--port", "0", "--directory", directory, ...words], {
      cwd: ROOT,
    });
    const line = await program.line(/^WeChat Pay simulator: /);
    await program.line(/^Ctrl-C/);
    return { program, url: /http:\S+/.exec(line)?.[0] ?? "" };
  };
  const file = (name: string): Promise<string> => readFile(join(directory, name), "utf8");

  /** What a merchant gathers from the directory alone. */
  const merchantOf = async (url: string): Promise<Simulator> => {
    const facts = JSON.parse(await file("merchant.json"));
    const merchant = {
      mchid: facts.mchid,
      appid: facts.appid,
      serial: facts.serial_no,
      apiV3Key: (await file(facts.api_v3_key_file)).trim(),
      privateKeyPem: await file(facts.private_key_file),
    };
    // As much of a simulator as a merchant's calls need.
    return { url, merchant, clock: { now: () => Date.now() } } as unknown as Simulator;
  };

  it("keeps its keys for their owner only, and has the same after a restart", async () => {
    const first = await start();
    const names = await readdir(directory);
    for (const name of names) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
    assert.equal((await stat(directory)).mode & 0o777, 0o700);
    const certificate = new X509Certificate(await file("apiclient_cert.pem"));
    assert.ok(certificate.checkPrivateKey(createPrivateKey(await file("apiclient_key.pem"))));
    const contents = async (): Promise<string[]> => {
      const kept = (await readdir(directory)).filter((name) => name !== "merchant.json");
      return Promise.all(kept.map(file));
    };
    const before = await contents();
    first.program.kill("SIGTERM");
    assert.deepEqual(await first.program.exited, { code: 0, signal: null });
    const second = await start();
    assert.deepEqual(await contents(), before);
    assert.equal(JSON.parse(await file("merchant.json")).url, second.url);
    second.program.kill("SIGINT");
    assert.deepEqual(await second.program.exited, { code: 0, signal: null });
  });

  it("serves a merchant who knows its directory, and a payer who knows curl", async () => {
    const endpoint = await startEndpoint();
    try {
      const { url } = await start("--refund-after", "0");
      const merchant = await merchantOf(url);
      const made = await call(merchant, "POST", NATIVE, orderBody(merchant, { notify_url: endpoint.url }));
      assert.equal(made.status, 200);
      assert.match((await paste(`curl -s -X POST ${url}/_simulator/pay`)).transactionId, /^4200/);
      await paste(`curl -s -X POST ${url}/_simulator/idle`);
      assert.equal(endpoint.received.length, 1);
    } finally {
      await endpoint.close();
    }
  });

  it("prints curl lines of which each works as it stands", async () => {
    const { program } = await start();
    const lines = program.lines
      .filter((line) => line.includes("curl "))
      .map((line) => line.slice(line.indexOf("curl ")));
    assert.ok(lines.length >= 6);
    for (const line of lines) {
      const answer = await paste(line);
      // There is no order yet; that is said, not stumbled over.
      const isAboutOrders = line.includes("/pay");
      assert.equal(answer.error !== undefined, isAboutOrders, line);
    }
  });

  it("explains itself, and says what is wrong with an option", async () => {
    const help = startProgram([PROGRAM, "--help"], { cwd: ROOT });
    assert.equal((await help.exited).code, 0);
    const text = help.lines.join("\n");
    for (const option of ["--port", "--host", "--directory", "--key-mode", "--refund-after", "--seed"]) {
      assert.ok(text.includes(option), option);
    }
    const wrong = startProgram([PROGRAM, "--key-mode", "both"], { cwd: ROOT });
    assert.equal((await wrong.exited).code, 2);
    assert.match(wrong.lines[0] ?? "", /--key-mode must be one of/);
    for (const words of [
      ["--port", "70000"],
      ["--port", "x"],
      ["--unheard-of"],
      ["word"],
      ["--seed", "-1"],
    ]) {
      assert.throws(() => readCommandLine(words), UsageError, words.join(" "));
    }
  });
});
