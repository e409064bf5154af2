/** The service as it runs in production, selling through a simulated WeChat Pay: a process of its own, to be killed. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { freePort } from "../../src/local/port.ts";
import { FILES, writeKeys } from "../../src/simulator/key-files.ts";
import type { Simulator } from "../../src/simulator/index.ts";
import { TEST_SEALING_KEYS } from "./bank.ts";
import { Caller, type CallOptions, type UnaryMethod } from "./calls.ts";
import { startProgram, type Program } from "./program.ts";
import { freshDirectory } from "./servers.ts";
import { sha256, tokenOf } from "./service.ts";
import { NOTIFY_PATH } from "./till.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Ports and files of a service that may be started again and again in the same place. */
export interface TillPlace {
  readonly env: Readonly<Record<string, string>>;
  readonly callbackPort: number;
  readonly notifyUrl: string;
}

export interface TillProcess {
  readonly program: Program;
  /** Where `/metrics` is. */
  readonly metricsUrl: string;
  /** Calls a method as the admin. */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options?: CallOptions,
  ): Promise<Response>;
  /** SIGKILL: it doesn't get to do anything more. */
  kill(): Promise<void>;
}

/** Writes what an operator would: the merchant's account, keys, who may call. */
export async function makeTillPlace(simulator: Simulator, databaseUrl: string): Promise<TillPlace> {
  const directory = await freshDirectory();
  const callbackPort = await freePort();
  const notifyUrl = `http://127.0.0.1:${callbackPort}${NOTIFY_PATH}`;
  await writeKeys(directory, simulator);
  const { url, merchant } = simulator;
  const account = {
    appid: merchant.appid,
    mchid: merchant.mchid,
    merchant_serial: merchant.serial,
    merchant_private_key_file: FILES.privateKey,
    api_v3_key_file: FILES.apiV3Key,
    public_key_id: merchant.publicKeyId,
    public_key_file: FILES.publicKey,
    certificates: true,
    notify_url: notifyUrl,
    base_urls: [url],
  };
  const { keys, activeKeyId, indexKey } = TEST_SEALING_KEYS;
  const ring = {
    active: activeKeyId,
    index_key: indexKey.toString("base64"),
    keys: keys.map(({ id, key }) => ({ id, key: key.toString("base64") })),
  };
  const admin = { name: "admin", roles: ["admin"], token_sha256: sha256(tokenOf("admin")) };
  const file = async (name: string, content: object): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, JSON.stringify(content), { mode: 0o600 });
    return path;
  };
  return {
    callbackPort,
    notifyUrl,
    env: {
      DATABASE_URL: databaseUrl,
      IDENTITIES_FILE: await file("identities.json", [admin]),
      WECHAT_FILE: await file("account.json", account),
      SEALING_KEYS_FILE: await file("sealing.json", ring),
      CALLBACK_PORT: String(callbackPort),
      GRPC_PORT: "0",
      METRICS_PORT: "0",
    },
  };
}

/** @param more settings besides those of the place */
export async function startTillProcess(
  place: TillPlace,
  more: Readonly<Record<string, string>> = {},
): Promise<TillProcess> {
  const program = startProgram(["src/main.ts"], { cwd: ROOT, env: { ...place.env, ...more } });
  const listening = JSON.parse(await program.line(/"message":"listening"/)) as {
    readonly port: number;
    readonly metrics: string;
  };
  await program.line(/"message":"ready"/);
  const caller = new Caller(`127.0.0.1:${listening.port}`);
  return {
    program,
    metricsUrl: listening.metrics,
    call: (method, request, options = {}) =>
      caller.call(method, request, { token: tokenOf("admin"), ...options }),
    async kill() {
      program.kill("SIGKILL");
      await program.exited;
      caller.close();
    },
  };
}
