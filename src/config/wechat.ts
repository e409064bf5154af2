/**
 * The merchant account, as a file of the operator names it: keys stand in files of their own beside it,
 * since they are handed round by other ways than settings.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { readOptions, type WechatOptions } from "../wechat/options.ts";
import type { VariableName } from "./variables.ts";

const TEXT = z.string().min(1).max(4_096);

const MERCHANT = z.strictObject({
  appid: TEXT,
  mchid: TEXT,
  merchant_serial: TEXT,
  /** PEM. */
  merchant_private_key_file: TEXT,
  /** 32 ASCII characters. */
  api_v3_key_file: TEXT,
  /** During a change of the key: what was encrypted under the old one is still read. */
  previous_api_v3_key_file: TEXT.optional(),
  public_key_id: TEXT.optional(),
  /** PEM. */
  public_key_file: TEXT.optional(),
  /** Whether platform certificates are trusted: old merchants, and everybody in a change-over. */
  certificates: z.boolean(),
  notify_url: TEXT,
  /** WeChat Pay's own hosts when absent. */
  base_urls: z.array(TEXT).min(1).max(4).optional(),
});

/**
 * The merchant account; undefined where none is configured, or where it has faults.
 * @param path of the file; undefined where the variable isn't set
 * @param fault told of each fault, without quoting a key
 */
export function readWechat(
  path: string | undefined,
  bytes: Buffer | undefined,
  fault: (variable: VariableName, rule: string) => void,
): WechatOptions | undefined {
  if (path === undefined || bytes === undefined) return undefined;
  const tell = (rule: string) => fault("WECHAT_FILE", rule);
  const parsed = MERCHANT.safeParse(jsonOf(bytes));
  if (!parsed.success) {
    for (const { path: at, message } of parsed.error.issues) {
      tell(`is wrong at ${at.join(".") || "its top"}: ${message}`);
    }
    return undefined;
  }
  const folder = dirname(resolve(path));
  const faults: string[] = [];
  const read = (name: string | undefined): string | undefined => {
    if (name === undefined) return undefined;
    try {
      return readFileSync(resolve(folder, name), "utf8").trim();
    } catch (error) {
      faults.push(
        `names ${name}, which can't be read: ${(error as NodeJS.ErrnoException).code ?? "unknown fault"}`,
      );
      return undefined;
    }
  };
  const options = optionsOf(parsed.data, read);
  for (const each of faults) tell(each);
  if (faults.length > 0) return undefined;
  try {
    readOptions(options);
    return options;
  } catch (error) {
    tell(`is refused: ${(error as Error).message}`);
    return undefined;
  }
}

function optionsOf(
  merchant: z.infer<typeof MERCHANT>,
  read: (name: string | undefined) => string | undefined,
): WechatOptions {
  const pem = read(merchant.public_key_file);
  const id = merchant.public_key_id;
  return {
    appid: merchant.appid,
    mchid: merchant.mchid,
    merchantSerial: merchant.merchant_serial,
    merchantPrivateKey: read(merchant.merchant_private_key_file) ?? "",
    apiV3Key: read(merchant.api_v3_key_file) ?? "",
    previousApiV3Key: read(merchant.previous_api_v3_key_file),
    publicKey: id === undefined ? undefined : { id, pem: pem ?? "" },
    certificates: merchant.certificates,
    notifyUrl: merchant.notify_url,
    baseUrls: merchant.base_urls,
  };
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
