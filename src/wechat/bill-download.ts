/**
 * Bills (documentation: "申请交易账单", "申请资金账单", "下载账单"): asked for, downloaded, unpacked, and checked against
 * the hash in the signed answer, since the file itself is never signed.
 */
import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, type InputType, type ZlibOptions } from "node:zlib";
import { z } from "zod";
import { GatewayFault, type Refused } from "../billing/order/gateway.ts";
import { assert } from "../billing/refusal.ts";
import { isCode } from "./error-code.ts";
import { refused, type Connection } from "./orders.ts";
import { parseJson } from "./trade-schema.ts";

export type BillKind = "trade" | "fund-flow";

export type BillAnswer =
  /** The CSV text as bytes, and its SHA-1 in lower-case hexadecimal, which tells bills apart. */
  | { readonly kind: "ready"; readonly bytes: Buffer; readonly sha1: string }
  /** Not made yet: bills of a day come at about ten the next morning. */
  | { readonly kind: "creating" }
  /** Nothing happened that day, says WeChat Pay. */
  | { readonly kind: "no-statement" }
  | Refused;

const DATE = /^\d{4}-\d{2}-\d{2}$/;
const DOWNLOAD_PATH = "/v3/billdownload/file";
/** Packed, a row takes some 60 bytes, unpacked some 300: nearly a million rows a day. */
const PACKED_BYTES_MAX = 64 << 20;
const UNPACKED_BYTES_MAX = 256 << 20;
/** A link lives five minutes, so one that fails is asked for anew, once. */
const ROUNDS = 2;

const application = z.object({
  hash_type: z.literal("SHA1"),
  hash_value: z.string().regex(/^[0-9A-Fa-f]{40}$/),
  download_url: z.url(),
});

/** @throws GatewayFault "untrusted" when what was downloaded is not what was promised */
export async function downloadBill(
  connection: Connection,
  kind: BillKind,
  date: string,
  signal: AbortSignal,
): Promise<BillAnswer> {
  assert(DATE.test(date), "a bill's day is YYYY-MM-DD");
  for (let round = 1; ; round += 1) {
    try {
      return await applyAndDownload(connection, kind, date, signal);
    } catch (error) {
      const isWorthIt = error instanceof GatewayFault && error.kind === "untrusted";
      if (!isWorthIt || round === ROUNDS) throw error;
    }
  }
}

async function applyAndDownload(
  { merchant, transport, requests }: Connection,
  kind: BillKind,
  date: string,
  signal: AbortSignal,
): Promise<BillAnswer> {
  const tar = { bill_date: date, tar_type: "GZIP" };
  const build = () =>
    requests.built((pay) =>
      kind === "trade"
        ? pay.tradebill({ ...tar, bill_type: "ALL" })
        : pay.fundflowbill({ ...tar, account_type: "BASIC" }),
    );
  const reply = await transport.call(`${kind}-bill`, build, { signal });
  if (reply.kind === "error") {
    if (isCode(reply, "STATEMENT_CREATING")) return { kind: "creating" };
    return isCode(reply, "NO_STATEMENT_EXIST") ? { kind: "no-statement" } : refused(reply);
  }
  const { data } = application.safeParse(parseJson(reply.body));
  const url = data && new URL(data.download_url);
  if (data === undefined || url?.pathname !== DOWNLOAD_PATH) {
    throw new GatewayFault("untrusted", "no link to a bill");
  }
  // Our own host instead of the one that it names: the link is a path and a token.
  const file = await transport.call(
    `${kind}-bill-file`,
    () => requests.get(`${url.pathname}${url.search}`),
    {
      signal,
      verify: null,
      bodyMax: PACKED_BYTES_MAX,
      attemptMs: merchant.timeouts.downloadMs,
      totalMs: merchant.timeouts.downloadMs,
    },
  );
  // A link that has run out, though it was given out just now: asked for anew.
  if (file.kind === "error" && isCode(file, "INVALID_REQUEST")) {
    throw new GatewayFault("untrusted", `the link to a bill is refused: ${file.message}`);
  }
  if (file.kind === "error") return refused(file);
  const bytes = await unpack(file.body);
  const sha1 = createHash("sha1").update(bytes).digest("hex");
  if (sha1 !== data.hash_value.toLowerCase()) {
    throw new GatewayFault("untrusted", "a bill whose bytes have another hash");
  }
  return { kind: "ready", bytes, sha1 };
}

/** With `info`, it tells how many bytes it took. */
type Gunzip = (
  bytes: InputType,
  options: ZlibOptions & { readonly info: true },
) => Promise<{ readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }>;
const gunzipWithInfo = promisify(gunzip) as unknown as Gunzip;

/**
 * The text of a bill that may be packed.
 * @throws GatewayFault "untrusted" for what is broken, too large, or followed by anything
 */
export async function unpack(bytes: Buffer, maxBytes = UNPACKED_BYTES_MAX): Promise<Buffer> {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isPacked) return bytes;
  const unpacked = await gunzipWithInfo(bytes, { info: true, maxOutputLength: maxBytes }).catch(
    (error: unknown) => {
      throw new GatewayFault("untrusted", "a bill that can't be unpacked", { cause: error });
    },
  );
  if (unpacked.engine.bytesWritten !== bytes.length) {
    throw new GatewayFault("untrusted", "a bill with something after its end");
  }
  return unpacked.buffer;
}
