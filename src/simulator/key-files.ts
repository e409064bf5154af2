/** Keys in a directory, so that a program that is started separately finds them, and so do later starts. */
import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readIfThere, writeSecret } from "../local/credentials.ts";
import type { KeyMaterial } from "./keys.ts";
import type { MerchantOptions } from "./merchant.ts";
import type { Simulator } from "./simulator.ts";

/** What a later start takes up again. */
export interface KeptKeys {
  readonly keys: KeyMaterial;
  readonly merchant: MerchantOptions;
}

/** The files that a merchant gets, named as the merchant platform names them where it does. */
export const FILES = {
  privateKey: "apiclient_key.pem",
  certificate: "apiclient_cert.pem",
  publicKey: "pub_key.pem",
  apiV3Key: "apiv3_key.txt",
  facts: "merchant.json",
  /** WeChat Pay's own keys: nobody but the simulator reads it. */
  simulator: "simulator.json",
} as const;

const PLATFORM_CERTIFICATE = /^wechatpay_[0-9A-F]+\.pem$/;

/** Null when the directory keeps none. @throws Error when what it keeps can't be read */
export async function readKeys(directory: string): Promise<KeptKeys | null> {
  const path = join(directory, FILES.simulator);
  const text = await readIfThere(path);
  if (text === null) return null;
  try {
    return JSON.parse(text) as KeptKeys;
  } catch (cause) {
    throw new Error(`${path} can't be read; remove the directory to get new keys`, { cause });
  }
}

/** Every file is for its owner only. */
export async function writeKeys(directory: string, simulator: Simulator): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const { merchant, keys, url } = simulator;
  const { mchid, appid, apiV3Key, privateKeyPem, certificatePem } = merchant;
  const kept: KeptKeys = {
    keys: keys.material(),
    merchant: { mchid, appid, apiV3Key, privateKeyPem, certificatePem },
  };
  for (const name of await readdir(directory)) {
    if (PLATFORM_CERTIFICATE.test(name)) await rm(join(directory, name));
  }
  const certificates = merchant.platformCertificates.map(({ serial, pem }) => ({
    file: `wechatpay_${serial}.pem`,
    serial,
    pem,
  }));
  const facts = {
    url,
    mchid,
    appid,
    serial_no: merchant.serial,
    private_key_file: FILES.privateKey,
    certificate_file: FILES.certificate,
    api_v3_key_file: FILES.apiV3Key,
    public_key_id: merchant.publicKeyId,
    public_key_file: FILES.publicKey,
    platform_certificates: certificates.map(({ file, serial }) => ({ file, serial })),
  };
  const files: readonly (readonly [name: string, content: string])[] = [
    [FILES.privateKey, privateKeyPem],
    [FILES.certificate, certificatePem],
    [FILES.apiV3Key, `${apiV3Key}\n`],
    [FILES.publicKey, merchant.publicKeyPem],
    ...certificates.map(({ file, pem }) => [file, pem] as const),
    [FILES.facts, `${JSON.stringify(facts, null, 2)}\n`],
    [FILES.simulator, `${JSON.stringify(kept, null, 2)}\n`],
  ];
  for (const [name, content] of files) await writeSecret(join(directory, name), content);
}
