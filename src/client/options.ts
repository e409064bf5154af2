/**
 * How to reach the service: options, their defaults and their limits, checked once at the start.
 */
import { credentials, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";

import { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";

/**
 * Certificates in PEM. With `certPem` and `keyPem` the client's identity is its certificate (mTLS).
 */
export interface TlsOptions {
  /** The authorities to trust; those that Node trusts when absent. */
  readonly caPem?: Buffer | undefined;
  readonly certPem?: Buffer | undefined;
  readonly keyPem?: Buffer | undefined;
  /** The name that the server's certificate must have, where it isn't that of the address. */
  readonly serverName?: string | undefined;
}

/** A bearer token, or what gives the present one: it is asked before each attempt. */
export type TokenSource = string | (() => string | Promise<string>);

export interface ConnectOptions {
  /** Any target of gRPC, such as `billing:50051`, `dns:///billing:50051` or `unix:/run/billing`. */
  readonly address: string;
  readonly token?: TokenSource | undefined;
  readonly tls?: TlsOptions | undefined;
  /**
   * True: send a token without TLS to another machine. Only right where the network encrypts by
   * itself, as in a service mesh. Never needed for a loopback address.
   */
  readonly allowPlaintext?: boolean | undefined;
  /** How long a call may take with all its repetitions: 1 ms to 1 hour; 10 s when absent. */
  readonly callerDeadlineMs?: number | undefined;
  /** How long one attempt may take: 1 ms to 1 hour; 3 s when absent. */
  readonly attemptDeadlineMs?: number | undefined;
  /**
   * Connections to keep, from 1 to 64; 1 when absent. Several of them reach several server
   * processes.
   */
  readonly channels?: number | undefined;
  /**
   * How one channel spreads calls over the addresses that the name resolves to; pick_first when
   * absent.
   */
  readonly loadBalancing?: "pick_first" | "round_robin" | undefined;
  /** Differences from `DEFAULT_RETRY`. */
  readonly retry?: Partial<RetryPolicy> | undefined;
}

/** Checked options with all defaults. */
export interface ClientConfig {
  readonly address: string;
  readonly token: TokenSource | undefined;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
  readonly callerDeadlineMs: number;
  readonly attemptDeadlineMs: number;
  readonly channels: number;
  readonly retry: RetryPolicy;
}

const HOUR_MS = 3_600_000;
/**
 * Quota calls take milliseconds; a caller that waits longer than this has been forgotten by its
 * user.
 */
const CALLER_DEADLINE_DEFAULT_MS = 10_000;
/** Leaves room for two more attempts within the default deadline when a server hangs. */
const ATTEMPT_DEADLINE_DEFAULT_MS = 3_000;
/** One process has no use for more connections, and each costs the server memory. */
const CHANNELS_MAX = 64;
const ATTEMPTS_MAX = 100;

/**
 * @throws TypeError naming the option, when one is missing, out of its range, or contradicts
 * another
 */
export function resolveOptions(options: ConnectOptions): ClientConfig {
  const { address, token, tls } = options;
  if (address.trim() === "") throw new TypeError("address is empty");
  if (token === "") throw new TypeError("token is empty");
  if (tls !== undefined && (tls.certPem === undefined) !== (tls.keyPem === undefined)) {
    throw new TypeError("tls.certPem and tls.keyPem belong together: give both or neither");
  }
  const mayTellToken = tls !== undefined || options.allowPlaintext === true || isLoopback(address);
  if (token !== undefined && !mayTellToken) {
    throw new TypeError("token needs tls, a loopback address, or allowPlaintext");
  }
  return {
    address,
    token,
    credentials: credentialsOf(tls),
    channelOptions: channelOptionsOf(options),
    callerDeadlineMs: inRange(
      "callerDeadlineMs",
      options.callerDeadlineMs,
      CALLER_DEADLINE_DEFAULT_MS,
      HOUR_MS,
    ),
    attemptDeadlineMs: inRange(
      "attemptDeadlineMs",
      options.attemptDeadlineMs,
      ATTEMPT_DEADLINE_DEFAULT_MS,
      HOUR_MS,
    ),
    channels: inRange("channels", options.channels, 1, CHANNELS_MAX),
    retry: retryPolicyOf(options.retry),
  };
}

function retryPolicyOf(given: Partial<RetryPolicy> = {}): RetryPolicy {
  const retry = { ...DEFAULT_RETRY, ...given };
  inRange("retry.maxAttempts", retry.maxAttempts, 1, ATTEMPTS_MAX);
  for (const name of [
    "initialBackoffMs",
    "maxBackoffMs",
    "budgetTokens",
    "budgetRefill",
  ] as const) {
    const value = retry[name];
    if (!(value >= 0 && value <= HOUR_MS)) {
      throw new TypeError(`retry.${name} must be from 0 to ${HOUR_MS}`);
    }
  }
  if (!(retry.backoffMultiplier >= 1 && retry.backoffMultiplier <= ATTEMPTS_MAX)) {
    throw new TypeError(`retry.backoffMultiplier must be from 1 to ${ATTEMPTS_MAX}`);
  }
  return retry;
}

function inRange(name: string, value: number | undefined, fallback: number, max: number): number {
  const chosen = value ?? fallback;
  if (Number.isInteger(chosen) && chosen >= 1 && chosen <= max) return chosen;
  throw new TypeError(`${name} must be a whole number from 1 to ${max}`);
}

function credentialsOf(tls: TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const { caPem = null, keyPem = null, certPem = null } = tls;
  return credentials.createSsl(caPem, keyPem, certPem);
}

const LOOPBACK =
  /^(?:dns:\/*|ipv4:|ipv6:)?(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$|^unix:/;

/** True when the address can't lead to another machine. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.test(address);
}

/** Every channel option that the client depends on, in one place. */
function channelOptionsOf({ loadBalancing = "pick_first", tls }: ConnectOptions): ChannelOptions {
  return {
    // A dead connection is found within 40 s even where no packet tells of it.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // grpc-js waits from 1 s up to 2 minutes before it connects again: longer than our calls live.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    // We repeat calls ourselves, with one budget and with the reasons in view.
    "grpc.enable_retries": 0,
    // Nobody else's DNS record configures how we treat money.
    "grpc.service_config_disable_resolution": 1,
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ [loadBalancing]: {} }] }),
    // Otherwise all channels of a process to one address share one connection.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_channelz": 0,
    ...(tls?.serverName === undefined ? {} : { "grpc.ssl_target_name_override": tls.serverName }),
  };
}
