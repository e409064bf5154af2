/** The gateway to WeChat Pay, put together: requests, transport, keys. */
import { GatewayFault, type PaymentGateway } from "../billing/order/gateway.ts";
import type { Log } from "../telemetry/observer.ts";
import { downloadBill, type BillAnswer } from "./bill-download.ts";
import { CertificateKeeper } from "./certificates.ts";
import { KeyRing, type NamedKey, type PlatformCertificate } from "./key-ring.ts";
import { createNoticeOpener, type OpenNotice } from "./notice.ts";
import { readOptions, type WechatOptions } from "./options.ts";
import { closeTrade, prepay, queryTrade, type Connection } from "./orders.ts";
import { applyAbnormalRefund, queryRefund, refund } from "./refunds.ts";
import { checkSignature, type CheckSignature, type FindKey } from "./signature.ts";
import { RequestBuilder } from "./signed-request.ts";
import { Transport, type GatewayObserver, type SignedPart } from "./transport.ts";

export interface GatewayParts {
  readonly log: Log;
  readonly observer?: GatewayObserver;
  /** The time in milliseconds since 1970: signatures are made and checked by it. */
  readonly now?: () => number;
}

export interface WechatGateway extends PaymentGateway {
  /** Verifies, decrypts and reads a callback. */
  readonly openNotice: OpenNotice;
  /**
   * The bill of a day of Asia/Shanghai, uncompressed; `parseTradeBill` and `parseFundFlowBill` read it.
   * @param date YYYY-MM-DD
   * @throws GatewayFault
   */
  tradeBill(date: string, signal?: AbortSignal): Promise<BillAnswer>;
  fundFlowBill(date: string, signal?: AbortSignal): Promise<BillAnswer>;
  /** Platform certificates that hold now, for a metric of their end; none in public-key mode. */
  certificates(): readonly PlatformCertificate[];
  /** Gives up what is under way, and stops refreshing certificates. */
  close(): Promise<void>;
}

const UNOBSERVED: GatewayObserver = { attempted: () => undefined, signed: () => undefined };

/** @throws TypeError naming every option that is wrong */
export function createGateway(
  options: WechatOptions,
  { log, observer = UNOBSERVED, now = Date.now }: GatewayParts,
): WechatGateway {
  const merchant = readOptions(options);
  const ring = new KeyRing(merchant.publicKey);
  const closing = new AbortController();
  const requests = new RequestBuilder(merchant, now);
  // The keeper needs the transport, to download, and the transport the keeper, to verify.
  let keeper: CertificateKeeper | null = null;
  const findKey: FindKey = (serial) =>
    keeper === null ? ring.find(serial, now()) : keeper.findKey(serial);
  const checkOf =
    (what: SignedPart): CheckSignature =>
    async (read, body) => {
      const fault = await checkSignature(read, body, findKey, now);
      if (fault === undefined) observer.signed(what, ring.kindOf(read("wechatpay-serial")[0] ?? ""));
      return fault;
    };
  const checkAnswer = checkOf("answer");
  const transport = new Transport({
    baseUrls: merchant.baseUrls,
    timeouts: merchant.timeouts,
    publicKeyId: ring.publicKeyId,
    verify: ({ header, body }) => checkAnswer(header, body),
    observer,
  });
  const encryptionKey = async () => {
    if (ring.encryptionKey(now()) === undefined) await keeper?.refresh();
    return ring.encryptionKey(now());
  };
  const either = (signal: AbortSignal | undefined) =>
    signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
  if (merchant.certificates) {
    keeper = new CertificateKeeper({
      ring,
      apiV3Keys: merchant.apiV3Keys,
      now,
      log,
      download: (verify) =>
        transport.call("certificates", () => requests.get("/v3/certificates"), {
          verify,
          signal: closing.signal,
        }),
    });
    keeper.start();
  }
  return {
    ...callsOf({ merchant, transport, requests }, encryptionKey, either),
    openNotice: createNoticeOpener({ merchant, check: checkOf("callback") }),
    certificates: () => ring.certificates(now()),
    async close() {
      closing.abort(new GatewayFault("unreachable", "the gateway is closed"));
      await keeper?.close();
    },
  };
}

type Calls = Omit<WechatGateway, "openNotice" | "certificates" | "close">;

function callsOf(
  connection: Connection,
  encryptionKey: () => Promise<NamedKey | undefined>,
  either: (signal: AbortSignal | undefined) => AbortSignal,
): Calls {
  return {
    prepay: (request, signal) => prepay(connection, request, either(signal)),
    queryTrade: (number, signal) => queryTrade(connection, number, either(signal)),
    closeTrade: (number, signal) => closeTrade(connection, number, either(signal)),
    refund: async (request, signal) => refund(connection, request, either(signal)),
    queryRefund: async (number, signal) => queryRefund(connection, number, either(signal)),
    applyAbnormalRefund: (request, signal) =>
      applyAbnormalRefund(connection, encryptionKey, request, either(signal)),
    tradeBill: (date, signal) => downloadBill(connection, "trade", date, either(signal)),
    fundFlowBill: (date, signal) => downloadBill(connection, "fund-flow", date, either(signal)),
  };
}

