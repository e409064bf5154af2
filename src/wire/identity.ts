/**
 * Who calls: known by the URI in their client certificate (mTLS), or by a bearer token of which the
 * configuration has the SHA-256 only. Whoever isn't listed is nobody.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { ServerUnaryCall } from "@grpc/grpc-js";
import type { Caller } from "../billing/id.ts";
import type { Role } from "../gen/billing/option/v1/options.ts";
import { maskOf } from "./contract.ts";

/** What we ask of a call, unary or not. */
export type SurfaceCall = Pick<
  ServerUnaryCall<unknown, unknown>,
  "metadata" | "cancelled" | "getDeadline" | "getAuthContext"
>;

/** A caller that the server knows. */
export interface Identity {
  /** As it stands in logs and in the books. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** SHA-256 of the bearer token, 64 hexadecimal digits. */
  readonly tokenSha256?: string | undefined;
  /** The one URI in the subject alternative names of its certificate. */
  readonly uriSan?: string | undefined;
}

/** A caller whose credential was checked. */
export interface KnownCaller {
  readonly caller: Caller;
  /** As the bits of `maskOf`. */
  readonly roles: number;
}

export interface Authenticator {
  /** Who is calling; undefined without a credential, or with one that isn't listed. */
  identify(call: SurfaceCall): KnownCaller | undefined;
}

/**
 * Enough for every caller and a rotation of all tokens; a flood of tokens can't fill it, see below.
 */
const CACHE_MAX = 1_000;
/** Longer than any token of ours: nothing that long is hashed. */
const HEADER_LENGTH_MAX = 1_024;
const BEARER = /^bearer +(\S+)$/i;

export function createAuthenticator(identities: readonly Identity[]): Authenticator {
  const byToken = identities.flatMap((identity) =>
    identity.tokenSha256 === undefined
      ? []
      : [{ hash: Buffer.from(identity.tokenSha256, "hex"), known: knownCaller(identity) }],
  );
  const byUri = new Map(
    identities.flatMap((identity) =>
      identity.uriSan === undefined ? [] : [[identity.uriSan, knownCaller(identity)] as const],
    ),
  );
  // Hashing a token takes as long as the rest of the check. Only headers that were right are kept,
  // so what a stranger sends takes no place.
  const headers = new Map<string, KnownCaller>();
  // A handshake proves a certificate once for all calls of its connection.
  const connections = new WeakMap<object, { readonly known: KnownCaller | undefined }>();

  const byHeader = (header: string): KnownCaller | undefined => {
    const cached = headers.get(header);
    if (cached !== undefined) return cached;
    const token = header.length <= HEADER_LENGTH_MAX ? BEARER.exec(header)?.[1] : undefined;
    if (token === undefined) return undefined;
    const known = holderOf(byToken, createHash("sha256").update(token).digest());
    if (known !== undefined && headers.size < CACHE_MAX) headers.set(header, known);
    return known;
  };

  const byCertificate = (call: SurfaceCall): KnownCaller | undefined => {
    if (byUri.size === 0) return undefined;
    const connection = connectionOf(call);
    const cached = connection && connections.get(connection);
    if (cached !== undefined) return cached.known;
    const certificate = call.getAuthContext().sslPeerCertificate;
    const uri = certificate && onlyUriSan(certificate.subjectaltname ?? "");
    const known = uri === undefined ? undefined : byUri.get(uri);
    if (connection !== undefined) connections.set(connection, { known });
    return known;
  };

  return {
    identify(call) {
      const given = call.metadata.get("authorization");
      // Whoever shows a token is who the token says, also on a connection with a certificate.
      if (given.length === 0) return byCertificate(call);
      return given.length === 1 ? byHeader(String(given[0])) : undefined;
    },
  };
}

function knownCaller({ name, roles }: Identity): KnownCaller {
  return { caller: { name }, roles: maskOf(roles) };
}

/** Compares with every hash, each in constant time: how long it takes tells nothing. */
function holderOf(
  holders: readonly { readonly hash: Buffer; readonly known: KnownCaller }[],
  hash: Buffer,
): KnownCaller | undefined {
  let found: KnownCaller | undefined;
  for (const holder of holders) if (timingSafeEqual(holder.hash, hash)) found = holder.known;
  return found;
}

/**
 * The URI of a certificate that has exactly one, as SPIFFE demands. Node puts a name with unusual
 * characters in quotes; a certificate with such a name identifies nobody, so that no name can
 * pretend to be two.
 */
export function onlyUriSan(subjectAltName: string): string | undefined {
  if (subjectAltName.includes('"')) return undefined;
  const uris = subjectAltName.split(", ").filter((name) => name.startsWith("URI:"));
  return uris.length === 1 ? uris[0]!.slice("URI:".length) : undefined;
}

/**
 * The connection of a call, to remember its certificate by: reading one takes longer than the rest
 * of a call. grpc-js doesn't offer it, so where its insides change, certificates are read for every
 * call.
 */
function connectionOf(call: SurfaceCall): TLSSocket | undefined {
  const inner = call as unknown as {
    readonly call?: { readonly stream?: { readonly session?: { readonly socket?: TLSSocket } } };
  };
  return inner.call?.stream?.session?.socket;
}
