/** A merchant for the demo: a simulated WeChat Pay, its keys, and keys for the sealed columns. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { readIfThere, writeSecret } from "../local/credentials.ts";
import type { Closers } from "../lifecycle.ts";
import { FILES, readKeys, writeKeys } from "../simulator/key-files.ts";
import { startSimulator, type Simulator } from "../simulator/index.ts";

export interface DemoTill {
  /** What the configuration needs to sell. */
  readonly environment: Readonly<Record<string, string>>;
  /** Undefined: the environment names a merchant of its own. */
  readonly simulator: Simulator | undefined;
}

/** @param callbackPort where the service will listen for callbacks */
export async function openDemoTill(
  given: Readonly<Record<string, string | undefined>>,
  folder: string,
  callbackPort: number,
  closers: Closers,
): Promise<DemoTill> {
  const sealing = { SEALING_KEYS_FILE: await keptSealingKeys(folder) };
  if (given["WECHAT_FILE"]) return { environment: sealing, simulator: undefined };
  const directory = join(folder, "wechat");
  const kept = await readKeys(directory);
  const simulator = await startSimulator(
    kept ? { keys: kept.keys, merchants: [kept.merchant] } : {},
  );
  closers.add("simulator", () => simulator.close());
  await writeKeys(directory, simulator);
  const file = join(directory, "account.json");
  await writeSecret(file, `${JSON.stringify(accountOf(simulator, callbackPort), null, 2)}\n`);
  const environment = { ...sealing, WECHAT_FILE: file, CALLBACK_PORT: String(callbackPort) };
  return { environment, simulator };
}

/** As an operator would write it: docs/payments.md. */
function accountOf({ url, merchant }: Simulator, callbackPort: number) {
  return {
    appid: merchant.appid,
    mchid: merchant.mchid,
    merchant_serial: merchant.serial,
    merchant_private_key_file: FILES.privateKey,
    api_v3_key_file: FILES.apiV3Key,
    public_key_id: merchant.publicKeyId,
    public_key_file: FILES.publicKey,
    certificates: true,
    notify_url: `http://127.0.0.1:${callbackPort}/wechat/notify`,
    base_urls: [url],
  };
}

const KEY_BYTES = 32;

/** Made at random once: what they have sealed can't be read without them. */
async function keptSealingKeys(folder: string): Promise<string> {
  const file = join(folder, "sealing-keys.json");
  if ((await readIfThere(file)) !== null) return file;
  const key = () => randomBytes(KEY_BYTES).toString("base64");
  const ring = { active: "k1", index_key: key(), keys: [{ id: "k1", key: key() }] };
  await writeSecret(file, `${JSON.stringify(ring, null, 2)}\n`);
  return file;
}
