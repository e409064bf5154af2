/**
 * The finance console: a page that shows today, the last weeks, reports, alerts and differences with bills. It only
 * reads. It is served by the service itself, to the identities that gRPC knows and with the same roles.
 */
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from "fastify";
import { Refusal } from "../billing/refusal.ts";
import type { Period } from "../billing/report/document.ts";
import { exportReport, type ExportFormat } from "../report/export.ts";
import type { Language } from "../report/words.ts";
import type { Log } from "../telemetry/observer.ts";
import { loadPage } from "./page-files.ts";
import { createSessions, SESSION_MS, type Sessions } from "./sessions.ts";
import * as shown from "./sources.ts";

export interface ConsoleOptions {
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** PEM texts; undefined: plain text. */
  readonly tls?: { readonly certPem: Buffer; readonly keyPem: Buffer } | undefined;
  /** Who may look, by the token: a name, or undefined for nobody who may. */
  readonly admit: (token: string) => string | undefined;
  readonly sources: shown.ConsoleSources;
  readonly now: () => number;
  readonly log: Log;
}

export interface RunningConsole {
  readonly url: string;
  close(): Promise<void>;
}

const COOKIE = "billing_console";
const TOKEN_LENGTH_MAX = 1_024;
const BODY_LIMIT = 4 << 10;
const HEADERS_LIMIT = 16 << 10;
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 256;
const ID = /^[A-Za-z0-9][A-Za-z0-9_]{0,62}$/;
const PERIODS: readonly string[] = ["DAILY", "WEEKLY", "MONTHLY", "YEARLY"] satisfies Period[];
const FORMATS: readonly string[] = ["CSV", "XLSX", "HTML"] satisfies ExportFormat[];

/** No script, style, picture or frame from anywhere else, and none that stands in the page. ECharts sets styles of elements. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** @throws Error of node:net when the address can't be listened on */
export async function startConsole(options: ConsoleOptions): Promise<RunningConsole> {
  const { host, port, tls } = options;
  const server = openServer(tls);
  const sessions = createSessions(options.now);
  secure(server);
  servePage(server);
  serveLogin(server, options, sessions);
  serveData(server, options, sessions);
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "not found" }));
  server.setErrorHandler((error, request, reply) => answerFault(options, error, request, reply));
  await server.listen({ host, port });
  const { port: realPort } = server.server.address() as { readonly port: number };
  const shownHost = host.includes(":") ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? "http" : "https"}://${shownHost}:${realPort}/`,
    close: () => server.close(),
  };
}

function openServer(tls: ConsoleOptions["tls"]): FastifyInstance {
  const limits: FastifyServerOptions = {
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    return503OnClosing: true,
  };
  const timing = { maxHeaderSize: HEADERS_LIMIT, headersTimeout: REQUEST_TIMEOUT_MS };
  const secured = tls && { cert: tls.certPem, key: tls.keyPem, minVersion: "TLSv1.2" as const };
  const server =
    secured === undefined
      ? fastify({ ...limits, http: timing })
      : fastify({ ...limits, https: { ...timing, ...secured } } as FastifyServerOptions);
  server.server.maxConnections = CONNECTIONS_MAX;
  return server;
}

function secure(server: FastifyInstance): void {
  server.addHook("onRequest", async (_request, reply) => {
    reply.headers({
      "content-security-policy": POLICY,
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-store",
    });
  });
}

function servePage(server: FastifyInstance): void {
  for (const [path, { contentType, bytes, etag }] of loadPage()) {
    server.get(path, async (request, reply) => {
      reply.headers({ etag, "cache-control": "no-cache", "content-type": contentType });
      return request.headers["if-none-match"] === etag ? reply.code(304).send() : reply.send(bytes);
    });
  }
}

function serveLogin(server: FastifyInstance, options: ConsoleOptions, sessions: Sessions): void {
  const attributes = `Path=/; HttpOnly; SameSite=Strict${options.tls === undefined ? "" : "; Secure"}`;
  server.post("/login", async (request, reply) => {
    const { token } = (request.body ?? {}) as { readonly token?: unknown };
    if (sessions.isBarred(request.ip)) {
      return reply.code(429).header("retry-after", "60").send({ error: "too many wrong tokens" });
    }
    const isToken = typeof token === "string" && token.length <= TOKEN_LENGTH_MAX;
    const name = isToken ? options.admit(token) : undefined;
    if (name === undefined) {
      sessions.noteFailure(request.ip);
      return reply.code(401).send({ error: "unknown token" });
    }
    options.log.info({ caller: name }, "somebody looks at the console");
    const secret = sessions.begin(name);
    const maxAge = Math.floor(SESSION_MS / 1_000);
    reply.header("set-cookie", `${COOKIE}=${secret}; Max-Age=${maxAge}; ${attributes}`);
    return { name };
  });
  server.post("/logout", async (request, reply) => {
    const secret = cookieOf(request);
    if (secret !== undefined) sessions.end(secret);
    reply.header("set-cookie", `${COOKIE}=; Max-Age=0; ${attributes}`);
    return {};
  });
}

type Query = Readonly<Record<string, unknown>>;

function serveData(server: FastifyInstance, options: ConsoleOptions, sessions: Sessions): void {
  const { sources } = options;
  const nameOf = (request: FastifyRequest): string | undefined => {
    const secret = cookieOf(request);
    return secret === undefined ? bearerOf(request, options) : sessions.find(secret);
  };
  const get = (
    path: string,
    answer: (query: Query, language: Language, reply: FastifyReply) => Promise<unknown>,
  ) =>
    server.get(path, async (request, reply) => {
      const name = nameOf(request);
      if (name === undefined) return reply.code(401).send({ error: "log in first" });
      const query = { ...(request.query as Query), ...(request.params as Query) };
      const language: Language = query["lang"] === "zh" ? "zh" : "en";
      return answer(query, language, reply);
    });
  get("/api/today", (_query, language) => shown.todayOf(sources, language));
  get("/api/course", (_query, language) => shown.courseOf(sources, language));
  get("/api/alerts", (_query, language) => shown.alertsOf(sources, language));
  get("/api/discrepancies", () => shown.discrepanciesOf(sources));
  get("/api/reports", async ({ period }, language, reply) => {
    if (period !== undefined && !PERIODS.includes(period as string)) {
      return reply.code(400).send({ error: `period must be one of ${PERIODS.join(", ")}` });
    }
    return shown.reportsOf(sources, (period as Period | undefined) ?? null, language);
  });
  get("/api/reports/:id", async ({ id }, language, reply) => {
    const report = ID.test(String(id))
      ? await shown.reportOf(sources, String(id), language)
      : undefined;
    return report ?? reply.code(404).send({ error: "no such report" });
  });
  get("/api/reports/:id/file", async ({ id, format }, language, reply) => {
    if (!FORMATS.includes(String(format))) {
      return reply.code(400).send({ error: `format must be one of ${FORMATS.join(", ")}` });
    }
    const report = ID.test(String(id)) ? await sources.reader.findReport(String(id)) : undefined;
    if (report === undefined) return reply.code(404).send({ error: "no such report" });
    const file = exportReport(report, format as ExportFormat, language);
    const pieces: Uint8Array[] = [];
    for await (const chunk of file.chunks) pieces.push(chunk);
    reply.headers({
      "content-type": file.contentType,
      "content-disposition": `attachment; filename="${file.fileName}"`,
    });
    return reply.send(Buffer.concat(pieces));
  });
}

/** Programs show their token with each request; people show it once. */
function bearerOf(request: FastifyRequest, { admit }: ConsoleOptions): string | undefined {
  const token = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return token === undefined || token.length > TOKEN_LENGTH_MAX ? undefined : admit(token);
}

function cookieOf({ headers }: FastifyRequest): string | undefined {
  const found = new RegExp(`(?:^|; )${COOKIE}=([A-Za-z0-9_-]{43})(?:;|$)`).exec(
    headers.cookie ?? "",
  );
  return found?.[1];
}

function answerFault(
  { log }: ConsoleOptions,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (error instanceof Refusal) {
    reply.code(503).header("retry-after", "5").send({ error: error.message });
    return;
  }
  const { statusCode } = error as { readonly statusCode?: number };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    reply.code(statusCode).send({ error: "bad request" });
    return;
  }
  log.error({ err: error, path: request.routeOptions.url }, "the console could not answer");
  reply.code(500).send({ error: "a fault of ours; the log has its cause" });
}
