/**
 * Where WeChat Pay's callbacks arrive, over HTTP. Only the status counts for it: 2xx once the notice is
 * stored, 4xx for what isn't from it, 5xx for "send it again". It waits five seconds for an answer.
 */
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Notice, NoticeInbox, NoticeOutcome } from "../billing/order/inbox.ts";
import type { Log } from "../telemetry/observer.ts";
import type { OpenNotice, RejectReason } from "./notice.ts";

export interface CallbackEndpointOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Such as `/wechat/notify`. */
  readonly path: string;
  readonly open: OpenNotice;
  readonly inbox: NoticeInbox;
  readonly observer: CallbackObserver;
  readonly log: Log;
  /** Bytes; 64 KiB by default. */
  readonly bodyLimit?: number;
  /** Addresses of proxies whose `X-Forwarded-For` is believed, for the log. */
  readonly trustProxy?: readonly string[];
  /** Milliseconds until "send it again"; less than the five seconds that WeChat Pay waits. */
  readonly answerWithinMs?: number;
}

export type CallbackOutcome =
  | NoticeOutcome
  | "rejected"
  /** It could not be stored, or not in time. */
  | "failed"
  /** No callback by its method, path, type or size. */
  | "malformed";

/** Told of every request. Does not throw. */
export interface CallbackObserver {
  /** @param reason why it was rejected; undefined otherwise */
  answered(
    outcome: CallbackOutcome,
    reason: RejectReason | undefined,
    status: number,
    durationMs: number,
  ): void;
}

export interface CallbackEndpoint {
  readonly port: number;
  /** Takes no more, and waits for what is under way. */
  close(): Promise<void>;
}

/** Real callbacks have two or three kilobytes. */
const BODY_LIMIT = 64 << 10;
const HEADERS_LIMIT = 16 << 10;
/** WeChat Pay counts a delivery as failed after five seconds; the answer has to get there, too. */
const ANSWER_WITHIN_MS = 4_500;
/** A whole request; who sends three kilobytes more slowly is not WeChat Pay. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Far more than a proxy holds open; beyond that a flood is turned away at the door. */
const CONNECTIONS_MAX = 512;

const REJECTED_STATUS: Readonly<Record<RejectReason, number>> = {
  headers: 401,
  stale: 401,
  "unknown-serial": 401,
  signature: 401,
  body: 400,
  algorithm: 400,
  decryption: 400,
  schema: 400,
  "other-merchant": 403,
};
/** Signed by WeChat Pay and wrong all the same: a person has to look. */
const ALARMING: ReadonlySet<RejectReason> = new Set<RejectReason>([
  "body",
  "algorithm",
  "decryption",
  "schema",
  "other-merchant",
]);

/** @throws Error of node:net when the address can't be listened on */
export async function startCallbackEndpoint(
  options: CallbackEndpointOptions,
): Promise<CallbackEndpoint> {
  const { host, port, path, bodyLimit = BODY_LIMIT, trustProxy = [] } = options;
  const server = fastify({
    logger: false,
    bodyLimit,
    trustProxy: trustProxy.length === 0 ? false : [...trustProxy],
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    http: { maxHeaderSize: HEADERS_LIMIT, headersTimeout: REQUEST_TIMEOUT_MS },
    exposeHeadRoutes: false,
    forceCloseConnections: "idle",
    return503OnClosing: true,
  });
  server.server.maxConnections = CONNECTIONS_MAX;
  readRawJsonOnly(server);
  server.post(path, (request, reply) => receive(options, request, reply));
  refuseTheRest(server, options);
  await server.listen({ host, port });
  const address = server.server.address() as { readonly port: number };
  return { port: address.port, close: () => server.close() };
}

/** The bytes are what is signed: nothing parses them, and nothing unpacks them. */
function readRawJsonOnly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    const coding = request.headers["content-encoding"] ?? "identity";
    if (coding === "identity") done(null, body);
    else done(Object.assign(new Error("packed bodies are not taken"), { statusCode: 415 }));
  });
}

function refuseTheRest(server: FastifyInstance, { observer, path, log }: CallbackEndpointOptions): void {
  server.setNotFoundHandler((request, reply) => {
    const isPath = request.url.split("?", 1)[0] === path;
    if (isPath) void reply.header("Allow", "POST");
    const status = isPath ? 405 : 404;
    observer.answered("malformed", undefined, status, reply.elapsedTime);
    return fail(reply, status, isPath ? "POST only" : "nothing here");
  });
  server.setErrorHandler((error: Error & { readonly statusCode?: number }, _request, reply) => {
    const { statusCode = 500 } = error;
    const isTheirs = statusCode >= 400 && statusCode < 500;
    if (!isTheirs) log.error({ err: error }, "a callback failed for a fault of ours");
    const status = isTheirs ? statusCode : 500;
    observer.answered(isTheirs ? "malformed" : "failed", undefined, status, reply.elapsedTime);
    return fail(reply, status, isTheirs ? error.message : "send it again");
  });
}

async function receive(
  options: CallbackEndpointOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { observer, log, answerWithinMs = ANSWER_WITHIN_MS } = options;
  const deadline = AbortSignal.timeout(answerWithinMs);
  const done = (outcome: CallbackOutcome, status: number, reason?: RejectReason) => {
    observer.answered(outcome, reason, status, reply.elapsedTime);
    if (status === 204) return reply.code(status).send();
    return fail(reply, status, reason ?? outcome);
  };
  if (!Buffer.isBuffer(request.body)) return done("malformed", 400);
  try {
    const { headersDistinct } = request.raw;
    const opened = await within(deadline, options.open(headersDistinct, request.body));
    if (opened.kind === "rejected") {
      const { why } = opened;
      const facts = { why, address: request.ip };
      if (ALARMING.has(why)) log.error(facts, "a callback signed by WeChat Pay is refused");
      else log.info(facts, "a callback is refused");
      return done("rejected", REJECTED_STATUS[why], why);
    }
    const outcome = await within(deadline, options.inbox.receive(opened, deadline));
    tell(log, opened, outcome);
    return done(outcome, outcome === "orphaned" ? 503 : 204);
  } catch (error) {
    log.error({ err: error }, "a callback could not be stored; it will be sent again");
    return done("failed", 503);
  }
}

function tell(log: Log, notice: Notice, outcome: NoticeOutcome): void {
  const facts = { noticeId: notice.noticeId, kind: notice.kind, outcome };
  if (outcome === "quarantined") log.error(facts, "a callback contradicts the books; a person decides");
  else if (outcome === "orphaned") log.warn(facts, "a callback about something unknown, to be sent again");
  else log.info(facts, "a callback is settled");
}

/** The result, or the signal's reason once it is aborted; what was begun goes on by itself. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason as Error);
    signal.addEventListener("abort", giveUp, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

/** The form that the documentation gives to a refusal. */
function fail(reply: FastifyReply, status: number, message: string): FastifyReply {
  const body = JSON.stringify({ code: "FAIL", message });
  return reply.code(status).type("application/json; charset=utf-8").send(body);
}
