/** The simulator as a program: its options, and what it says. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { FILES, readKeys, writeKeys } from "./key-files.ts";
import type { KeyMode } from "./keys.ts";
import { startSimulator, type Simulator, type SimulatorOptions } from "./simulator.ts";

export const USAGE = `A WeChat Pay (APIv3) of your own, for development and tests.

usage: npm run wechat-simulator -- [options]

  --port N            where it listens (default 8089; 0 for any free port)
  --host ADDRESS      default 127.0.0.1; who reaches it can turn its knobs
  --directory PATH    where the keys are kept between starts (default .data/wechat)
  --key-mode MODE     certificate | public-key | mixed (default mixed)
  --refund-after MS   how long a refund takes (default 3000)
  --seed N            repeats numbers and chances
  --help

A service that talks to it uses its URL in place of https://api.mch.weixin.qq.com, and the keys
in the directory. Knobs: GET URL/_simulator lists them; docs/simulator.md explains them.`;

const DEFAULT_PORT = "8089";
const KEY_MODES: readonly string[] = ["certificate", "public-key", "mixed"];

/** What somebody typed that makes no sense. */
export class UsageError extends Error {}

export interface CommandLine {
  readonly help: boolean;
  readonly directory: string;
  readonly refundAfterMs: number | null;
  readonly options: SimulatorOptions;
}

/** @throws UsageError */
export function readCommandLine(words: readonly string[]): CommandLine {
  const text = { type: "string" } as const;
  const options = {
    port: { ...text, default: DEFAULT_PORT },
    host: { ...text, default: "127.0.0.1" },
    directory: { ...text, default: ".data/wechat" },
    "key-mode": { ...text, default: "mixed" },
    "refund-after": text,
    seed: text,
    help: { type: "boolean", default: false },
  } as const;
  const parsed = (() => {
    try {
      return parseArgs({ args: [...words], options, allowPositionals: false }).values;
    } catch (error) {
      throw new UsageError((error as Error).message);
    }
  })();
  const mode = parsed["key-mode"];
  if (!KEY_MODES.includes(mode)) throw new UsageError(`--key-mode must be one of ${KEY_MODES.join(", ")}`);
  const refundAfter = parsed["refund-after"];
  return {
    help: parsed.help,
    directory: resolve(parsed.directory),
    refundAfterMs: refundAfter === undefined ? null : whole("--refund-after", refundAfter, 2 ** 40),
    options: {
      host: parsed.host,
      port: whole("--port", parsed.port, 65_535),
      keyMode: mode as KeyMode,
      ...(parsed.seed === undefined ? {} : { seed: whole("--seed", parsed.seed, 2 ** 32) }),
    },
  };
}

/** Starts with the keys that the directory keeps, or with new ones that it keeps from now on. */
export async function startFromCommandLine(line: CommandLine): Promise<Simulator> {
  const { directory, options, refundAfterMs } = line;
  const kept = await readKeys(directory);
  const same = kept === null ? {} : { keys: kept.keys, merchants: [kept.merchant] };
  const simulator = await startSimulator({ ...options, ...same });
  try {
    await writeKeys(directory, simulator);
  } catch (error) {
    await simulator.close();
    throw error;
  }
  if (refundAfterMs !== null) simulator.refunds.script("default", "SUCCESS", refundAfterMs);
  return simulator;
}

/** What a newcomer needs next; every command works when pasted. */
export function greeting({ url, merchant }: Simulator, directory: string): string {
  return `WeChat Pay simulator: ${url} (in place of https://api.mch.weixin.qq.com)
merchant ${merchant.mchid}, appid ${merchant.appid}, certificate ${merchant.serial}
public key ${merchant.publicKeyId}
keys in ${directory}: ${[FILES.privateKey, FILES.certificate, FILES.apiV3Key, FILES.publicKey].join(", ")};
which is which is in ${FILES.facts} there

what it can do:            curl -s ${url}/_simulator
orders that came in:       curl -s ${url}/_simulator/orders
pay the newest order:      curl -s -X POST ${url}/_simulator/pay
pay a certain order:       curl -s ${url}/_simulator/pay -d '{"out_trade_no": "..."}'
lose the next callback:    curl -s ${url}/_simulator/callback-faults -d '{"fault": "drop"}'
move on by a day:          curl -s ${url}/_simulator/clock -d '{"advance_ms": 86400000}'
what went over the wire:   curl -s ${url}/_simulator/journal

Ctrl-C ends it; orders are forgotten then, keys are not.`;
}

function whole(name: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= max) return value;
  throw new UsageError(`${name} must be an integer from 0 to ${max}`);
}
