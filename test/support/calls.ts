/** Calls to a running server as its callers make them, and what they hear when they are refused. */
import assert from "node:assert/strict";
import {
  Client,
  credentials,
  Metadata,
  type ChannelCredentials,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  BadRequest,
  ErrorInfo,
  LocalizedMessage,
  PreconditionFailure,
  QuotaFailure,
  RequestInfo,
  ResourceInfo,
  RetryInfo,
} from "../../src/gen/google/rpc/error_details.ts";
import { Status } from "../../src/gen/google/rpc/status.ts";
import { REASONS, type ReasonRule, type WireReason } from "../../src/wire/reasons.ts";

/** A unary method, as the generated service definitions have it. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

export interface CallOptions {
  /** The bearer token; none when absent. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** Gives the call up. */
  readonly signal?: AbortSignal;
}

export class Caller {
  readonly client: Client;

  constructor(address: string, channel: ChannelCredentials = credentials.createInsecure()) {
    this.client = new Client(address, channel, {
      // What is sent once is seen once; and retries would keep every message of a stream in a
      // buffer.
      "grpc.enable_retries": 0,
      // A connection of its own.
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return this.send(method, method.requestSerialize(request), options);
  }

  /** Sends bytes as they are. */
  send<Response>(
    {
      path,
      responseDeserialize,
    }: Pick<UnaryMethod<never, Response>, "path" | "responseDeserialize">,
    bytes: Buffer,
    options: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const deadline =
        options.deadlineMs === undefined ? Infinity : Date.now() + options.deadlineMs;
      const call = this.client.makeUnaryRequest(
        path,
        (raw: Buffer) => raw,
        responseDeserialize,
        bytes,
        headersOf(options),
        { deadline },
        (error, response) => {
          if (error === null) resolve(response!);
          else reject(error);
        },
      );
      options.signal?.addEventListener("abort", () => call.cancel());
    });
  }

  close(): void {
    this.client.close();
  }
}

export function headersOf({ token, headers = {} }: CallOptions): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

/** All that a refused caller hears. */
export interface Told {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** The names of the details' types, such as `RetryInfo`. */
  readonly kinds: readonly string[];
  /** The fields of BadRequest. */
  readonly fields: readonly string[];
  readonly rules: readonly string[];
  readonly retryAfterMs: number | undefined;
  readonly zh: string;
  readonly violations: readonly { readonly type: string; readonly subject: string }[];
  readonly resource: ResourceInfo | undefined;
  readonly quota: QuotaFailure["violations"];
  readonly requestId: string | undefined;
}

/** What a call that must be refused is told. */
export async function toldBy(call: Promise<unknown>): Promise<Told> {
  const error = await call.then(
    () => assert.fail("the call was not refused"),
    (refused: unknown) => refused as ServiceError,
  );
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  assert.ok(Buffer.isBuffer(bytes), `no details came with ${error.message}`);
  const status = Status.decode(bytes);
  assert.equal(status.code, error.code);
  assert.equal(status.message, error.details);
  return readStatus(status);
}

export function readStatus({ code, message, details }: Status): Told {
  const values = new Map(details.map(({ typeUrl, value }) => [typeUrl.split(".").at(-1)!, value]));
  assert.equal(values.size, details.length, "each kind of detail comes once at most");
  const read = <T>(kind: string, type: { decode(bytes: Uint8Array): T }): T | undefined => {
    const value = values.get(kind);
    return value && type.decode(value);
  };
  const info = read("ErrorInfo", ErrorInfo);
  assert.ok(info, "every refusal has an ErrorInfo");
  assert.equal(info.domain, "billing-guard");
  const delay = read("RetryInfo", RetryInfo)?.retryDelay;
  const fields = read("BadRequest", BadRequest)?.fieldViolations ?? [];
  return {
    code,
    message,
    reason: info.reason,
    metadata: Object.fromEntries(info.metadata),
    kinds: [...values.keys()],
    fields: fields.map(({ field }) => field),
    rules: fields.map(({ description }) => description),
    retryAfterMs: delay && Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000,
    zh: read("LocalizedMessage", LocalizedMessage)?.message ?? "",
    violations: read("PreconditionFailure", PreconditionFailure)?.violations ?? [],
    resource: read("ResourceInfo", ResourceInfo),
    quota: read("QuotaFailure", QuotaFailure)?.violations ?? [],
    requestId: read("RequestInfo", RequestInfo)?.requestId,
  };
}

/**
 * Refused for this reason, exactly as the table of reasons says; the facts named have these values.
 */
export async function assertRefused(
  call: Promise<unknown>,
  reason: WireReason,
  facts: Readonly<Record<string, string>> = {},
): Promise<Told> {
  const told = await toldBy(call);
  assertTold(told, reason, facts);
  return told;
}

export function assertTold(
  told: Told,
  reason: WireReason,
  facts: Readonly<Record<string, string>> = {},
): void {
  assert.equal(told.reason, reason, told.message);
  const rule: ReasonRule = REASONS[reason];
  assert.equal(told.code, rule.code);
  assert.equal(told.zh, rule.zh);
  const keys = Object.keys(told.metadata);
  assert.equal(keys.length, rule.metadata.length, `${reason} has ${keys.join()}`);
  for (const key of rule.metadata) {
    assert.ok(
      key.split(" | ").some((one) => keys.includes(one)),
      `${reason} lacks ${key}`,
    );
  }
  for (const [key, value] of Object.entries(facts)) assert.equal(told.metadata[key], value);
  if (rule.detail !== undefined) assert.ok(told.kinds.includes(KIND_OF[rule.detail.kind]));
  if (rule.retryAfterMs !== undefined) assert.ok(told.retryAfterMs! > 0);
}

const KIND_OF = {
  FIELDS: "BadRequest",
  QUOTA: "QuotaFailure",
  PRECONDITION: "PreconditionFailure",
  RESOURCE: "ResourceInfo",
  REQUEST: "RequestInfo",
} as const;

/** Refused for these fields and no others, whatever their order. */
export async function assertBadFields(
  call: Promise<unknown>,
  ...fields: readonly string[]
): Promise<Told> {
  const told = await assertRefused(call, "INVALID_FIELD");
  assert.deepEqual(told.fields.toSorted(), fields.toSorted(), told.message);
  return told;
}
