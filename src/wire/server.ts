/** The gRPC server: services, health, reflection, limits, and an end that loses no answer. */
import { setTimeout as sleep } from "node:timers/promises";
import { toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, type FileDescriptorSet } from "@bufbuild/protobuf/wkt";
import {
  logVerbosity,
  Server,
  ServerCredentials,
  setLogVerbosity,
  type ServerOptions as GrpcOptions,
} from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation } from "grpc-health-check";
import {
  CatalogServiceService,
  type CatalogServiceServer,
} from "../gen/billing/catalog/v1/catalog_service.ts";
import {
  MembershipServiceService,
  type MembershipServiceServer,
} from "../gen/billing/membership/v1/membership_service.ts";
import {
  OrderServiceService,
  type OrderServiceServer,
} from "../gen/billing/order/v1/order_service.ts";
import {
  QuotaServiceService,
  type QuotaServiceServer,
} from "../gen/billing/quota/v1/quota_service.ts";
import {
  ReportServiceService,
  type ReportServiceServer,
} from "../gen/billing/report/v1/report_service.ts";
import {
  ReviewServiceService,
  type ReviewServiceServer,
} from "../gen/billing/review/v1/review_service.ts";
import type { CallObserver, Log } from "../telemetry/observer.ts";
import { CallGate } from "./call-gate.ts";
import { catalogHandlers, type CatalogParts } from "./catalog-service.ts";
import { loadContract } from "./contract.ts";
import { createAuthenticator, type Identity } from "./identity.ts";
import { membershipHandlers, type MembershipParts } from "./membership-service.ts";
import { orderHandlers, type OrderParts } from "./order-service.ts";
import { processQuota } from "./process-quota.ts";
import { quotaHandlers, quotaOperations, type QuotaParts } from "./quota-service.ts";
import { registerService } from "./register.ts";
import { exportHandler, REPORT_BYTES_MAX, reportHandlers, type ReportParts } from "./report-service.ts";
import { serverStream } from "./server-stream.ts";
import { REVIEW_BYTES_MAX, reviewHandlers, type ReviewParts } from "./review-service.ts";

export interface ServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Undefined: plain text, on loopback only unless `allowPlaintext` says otherwise. */
  readonly tls?: Tls | undefined;
  readonly allowPlaintext?: boolean;
  readonly identities: readonly Identity[];
  readonly quota: QuotaParts;
  readonly membership: MembershipParts;
  readonly catalog: CatalogParts;
  readonly orders: OrderParts;
  readonly reports: ReportParts;
  readonly reviews: ReviewParts;
  readonly observer: CallObserver;
  readonly log: Log;
  /** Calls and streams open at one time; OPEN_CALLS_MAX when absent. */
  readonly openCallsMax?: number;
  /** What health answers at first; true when absent. */
  readonly ready?: boolean;
  /** What open calls get to end in a drain, in milliseconds. */
  readonly drainTimeoutMs: number;
}

/** PEM texts. With `clientCaPem` every caller must show a certificate of that authority (mTLS). */
export interface Tls {
  readonly certPem: Buffer;
  readonly keyPem: Buffer;
  readonly clientCaPem: Buffer | undefined;
}

export interface RunningServer {
  readonly port: number;
  /** What health answers: a server that isn't ready still serves who calls it all the same. */
  setReady(ready: boolean): void;
  /**
   * Refuses new calls as DRAINING, answers the open ones, and closes. Called twice it is done once.
   */
  drain(): Promise<void>;
  /** Calls and streams that are open now. */
  openCalls(): number;
}

/** Each open call costs some 20 KiB; the teller's queues are full long before so many wait. */
export const OPEN_CALLS_MAX = 8_192;
/** The last answers need to leave their sockets; they are small. */
const FLUSH_MAX_MS = 1_000;

const LIMITS: GrpcOptions = {
  // Of the service that takes the most; the others refuse at REQUEST_BYTES_MAX by themselves.
  "grpc.max_receive_message_length": REVIEW_BYTES_MAX,
  // Calls of one connection at one time; further ones wait in their client.
  "grpc.max_concurrent_streams": 2_000,
  // A peer that vanished without a word is noticed within 80 seconds.
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
  // Connections end now and then, so that callers spread over new servers.
  "grpc.max_connection_age_ms": 30 * 60_000,
  "grpc.max_connection_age_grace_ms": 5 * 60_000,
  // Nobody reads channelz here, and it keeps a record for every connection.
  "grpc.enable_channelz": 0,
};

/**
 * Starts serving.
 * @throws Error when plain text would be heard beyond loopback, when a method has no access rule,
 *   or when the port can't be had
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  refusePlaintext(options);
  // It writes headers that it can't parse to the standard error, tokens included.
  setLogVerbosity(logVerbosity.NONE);
  const contract = loadContract();
  const { observer, log, openCallsMax = OPEN_CALLS_MAX } = options;
  const authenticator = createAuthenticator(options.identities);
  const gate = new CallGate({ authenticator, contract, openCallsMax, observer, log });
  const server = new Server(LIMITS);
  registerService<QuotaServiceServer>(
    server,
    gate,
    QuotaServiceService,
    quotaHandlers(options.quota),
    {
      streams: {
        processQuota: processQuota(
          gate,
          QuotaServiceService.processQuota.path,
          quotaOperations(options.quota),
        ),
      },
    },
  );
  const membership = membershipHandlers(options.membership);
  registerService<MembershipServiceServer>(server, gate, MembershipServiceService, membership);
  const catalog = catalogHandlers(options.catalog);
  registerService<CatalogServiceServer>(server, gate, CatalogServiceService, catalog);
  const orders = orderHandlers(options.orders);
  registerService<OrderServiceServer>(server, gate, OrderServiceService, orders);
  const reviews = reviewHandlers(options.reviews);
  registerService<ReviewServiceServer>(server, gate, ReviewServiceService, reviews, {
    requestBytesMax: REVIEW_BYTES_MAX,
  });
  const reports = reportHandlers(options.reports);
  const { path: exportPath } = ReportServiceService.exportReport;
  registerService<ReportServiceServer>(server, gate, ReportServiceService, reports, {
    requestBytesMax: REPORT_BYTES_MAX,
    streams: { exportReport: serverStream(gate, exportPath, exportHandler(options.reports)) },
  });
  const setReady = addHealth(server);
  addReflection(server, contract.descriptors);
  const address = hostText(options.host);
  const port = await bind(server, `${address}:${options.port}`, credentialsOf(options.tls));
  setReady(options.ready ?? true);
  let draining: Promise<void> | undefined;
  return {
    port,
    setReady,
    drain: () => {
      draining ??= (async () => {
        setReady(false);
        await drain(server, gate, `${address}:${port}`, options);
      })();
      return draining;
    },
    openCalls: () => gate.openCalls,
  };
}

/** Tokens and quota must not be readable on a network. */
function refusePlaintext({ host, tls, allowPlaintext = false }: ServerOptions): void {
  const isLoopback = host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
  if (tls !== undefined || isLoopback || allowPlaintext) return;
  throw new Error(`plain text is served on loopback only, and ${host} is not: give a certificate`);
}

function hostText(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function credentialsOf(tls: Tls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { certPem, keyPem, clientCaPem } = tls;
  const pair = { private_key: keyPem, cert_chain: certPem };
  return ServerCredentials.createSsl(clientCaPem ?? null, [pair], clientCaPem !== undefined);
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

/** Health for the whole server and for each service; balancers ask without a credential. */
function addHealth(server: Server): (ready: boolean) => void {
  const services = [
    QuotaServiceService,
    MembershipServiceService,
    CatalogServiceService,
    OrderServiceService,
    ReviewServiceService,
    ReportServiceService,
  ].map((service) => Object.values(service)[0]!.path.split("/")[1]!);
  const health = new HealthImplementation();
  health.addToServer(server);
  const setReady = (ready: boolean) => {
    for (const name of ["", ...services]) health.setStatus(name, ready ? "SERVING" : "NOT_SERVING");
  };
  setReady(false);
  return setReady;
}

/** Reflection shows the contract, which is no secret, with all of its comments. */
function addReflection(server: Server, { file }: FileDescriptorSet): void {
  const protos = file.map((proto) => Buffer.from(toBinary(FileDescriptorProtoSchema, proto)));
  // The library wants what proto-loader makes, and reads the descriptors of it only.
  const loaded = { all: { fileDescriptorProtos: protos } };
  type Loaded = ConstructorParameters<typeof ReflectionService>[0];
  new ReflectionService(loaded as unknown as Loaded).addToServer(server);
}

/**
 * Ends in this order: connections are told to go elsewhere, new calls are refused, open ones and
 * streams are answered as long as the time allows, then everything is closed.
 */
async function drain(
  server: Server,
  gate: CallGate,
  address: string,
  { drainTimeoutMs, log }: ServerOptions,
): Promise<void> {
  const idle = gate.drain();
  server.drain(address, drainTimeoutMs + FLUSH_MAX_MS);
  if (!(await isDoneWithin(idle, drainTimeoutMs))) {
    log.warn(
      { openCalls: gate.openCalls, drainTimeoutMs },
      "calls were still open at the end of the drain",
    );
  }
  const connections = connectionsOf(server);
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  // A health watch stays open for ever: it isn't waited for.
  if (!(await isDoneWithin(closed, FLUSH_MAX_MS))) {
    for (const connection of connections) connection.destroy();
  }
  server.forceShutdown();
}

/**
 * The connections of a server, to be cut. grpc-js keeps them to itself, and without channelz its
 * forceShutdown passes over them; where its insides change, the process's own end cuts them.
 */
function connectionsOf(server: Server): readonly { destroy(): void }[] {
  const { http2Servers } = server as unknown as {
    readonly http2Servers?: ReadonlyMap<
      unknown,
      { readonly sessions?: Iterable<{ destroy(): void }> }
    >;
  };
  return [...(http2Servers?.values() ?? [])].flatMap(({ sessions }) => [...(sessions ?? [])]);
}

async function isDoneWithin(work: Promise<void>, timeoutMs: number): Promise<boolean> {
  const timer = new AbortController();
  const { signal } = timer;
  // Aborted, it has lost the race: what it says then is heard by nobody.
  const late = sleep(timeoutMs, false, { signal }).catch(() => false);
  const done = await Promise.race([work.then(() => true), late]);
  timer.abort();
  return done;
}
