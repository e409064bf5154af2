/** Refunds (documentation: "申请退款", "查询单笔退款", "发起异常退款"). */
import {
  GatewayFault,
  type AbnormalRefundRequest,
  type RefundAnswer,
  type RefundRequest,
} from "../billing/order/gateway.ts";
import { assert } from "../billing/refusal.ts";
import { isCode } from "./error-code.ts";
import type { NamedKey } from "./key-ring.ts";
import { refused, wireFen, type Connection } from "./orders.ts";
import { sealField } from "./sealing.ts";
import type { Build } from "./signed-request.ts";
import { parseJson, readRefund } from "./trade-schema.ts";

const OUT_REFUND_NO = /^[0-9A-Za-z_|*@-]{1,64}$/;
const PROVIDER_NUMBER = /^[0-9A-Za-z]{1,64}$/;
const REASON_BYTES_MAX = 80;
const BASE = "/v3/refund/domestic/refunds";

export function refund(
  connection: Connection,
  request: RefundRequest,
  signal?: AbortSignal,
): Promise<RefundAnswer> {
  const { outRefundNo, transactionId, amountFen, totalFen, reason } = request;
  assertOutRefundNo(outRefundNo);
  assert(PROVIDER_NUMBER.test(transactionId), "a payment has WeChat Pay's number");
  assert(Buffer.byteLength(reason) <= REASON_BYTES_MAX, "a reason has at most 80 bytes");
  assert(amountFen <= totalFen, "a refund is no more than the payment");
  const amount = { refund: wireFen(amountFen), total: wireFen(totalFen), currency: "CNY" };
  const { merchant, requests } = connection;
  const build = () =>
    requests.built((pay) =>
      pay.refunds({
        transaction_id: transactionId,
        out_refund_no: outRefundNo,
        ...(reason !== "" && { reason }),
        notify_url: merchant.notifyUrl,
        amount,
      }),
    );
  return ask(connection, "refund", build, { outRefundNo, transactionId }, signal);
}

export function queryRefund(
  connection: Connection,
  outRefundNo: string,
  signal?: AbortSignal,
): Promise<RefundAnswer> {
  assertOutRefundNo(outRefundNo);
  const build = () =>
    connection.requests.built((pay) => pay.find_refunds(encodeURIComponent(outRefundNo)));
  return ask(connection, "query-refund", build, { outRefundNo }, signal);
}

export async function applyAbnormalRefund(
  connection: Connection,
  encryptionKey: () => Promise<NamedKey | undefined>,
  request: AbnormalRefundRequest,
  signal?: AbortSignal,
): Promise<RefundAnswer> {
  const { outRefundNo, providerRefundId, type, bankType, bankAccount, realName } = request;
  assertOutRefundNo(outRefundNo);
  assert(PROVIDER_NUMBER.test(providerRefundId), "a refund has WeChat Pay's number");
  const key = await encryptionKey();
  if (key === undefined) throw new GatewayFault("untrusted", "there is no key to encrypt with");
  // OAEP is random: what was encrypted once is sent in every attempt, so that the body stays the same.
  const body = {
    out_refund_no: outRefundNo,
    type,
    ...(bankType !== null && { bank_type: bankType }),
    ...(bankAccount !== null && { bank_account: sealField(key.key, bankAccount) }),
    ...(realName !== null && { real_name: sealField(key.key, realName) }),
  };
  const build: Build = async () => {
    const signed = await connection.requests.post(`${BASE}/${providerRefundId}/apply-abnormal-refund`, body);
    // It names the key that the fields were encrypted with.
    return { ...signed, headers: { ...signed.headers, "Wechatpay-Serial": key.id } };
  };
  return ask(connection, "abnormal-refund", build, { outRefundNo }, signal);
}

interface Asked {
  readonly outRefundNo: string;
  readonly transactionId?: string;
}

async function ask(
  { transport }: Connection,
  operation: string,
  build: Build,
  asked: Asked,
  signal: AbortSignal | undefined,
): Promise<RefundAnswer> {
  // Calls that fail have a limit of their own, six a second, which trying again would eat up.
  const options = { signal, againWhenLimited: operation === "query-refund" };
  const reply = await transport.call(operation, build, options).catch(limited);
  if (reply.kind === "later") return reply;
  if (reply.kind === "error") {
    const { message } = reply;
    if (isCode(reply, "NOT_ENOUGH")) return { kind: "not-enough", message };
    if (isCode(reply, "RESOURCE_NOT_EXISTS", "ORDER_NOT_EXIST")) return { kind: "unknown", message };
    return refused(reply);
  }
  const read = readRefund(parseJson(reply.body));
  if (read === undefined) throw new GatewayFault("untrusted", "a refund that can't be read");
  // A signature covers the body alone: an answer to another question would pass it.
  const isOther = asked.transactionId !== undefined && read.transactionId !== asked.transactionId;
  if (read.outRefundNo !== asked.outRefundNo || isOther) {
    throw new GatewayFault("untrusted", "an answer about another refund");
  }
  return { kind: "refund", refund: read };
}

function limited(error: unknown): { readonly kind: "later"; readonly message: string } {
  if (error instanceof GatewayFault && error.kind === "rate-limited") {
    return { kind: "later", message: error.message };
  }
  throw error;
}

function assertOutRefundNo(outRefundNo: string): void {
  assert(OUT_REFUND_NO.test(outRefundNo), "a refund's number has 1 to 64 of the characters 0-9A-Za-z_-|*@");
}
