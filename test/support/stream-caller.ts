/**
 * A ProcessQuota stream as a caller has it: operations go in, results are awaited by correlation
 * id.
 */
import { once } from "node:events";
import type { ClientDuplexStream, ServiceError, StatusObject } from "@grpc/grpc-js";
import {
  QuotaOperation,
  QuotaServiceService,
  type QuotaOperationResult,
} from "../../src/gen/billing/quota/v1/quota_service.ts";
import { headersOf, type Caller, type CallOptions } from "./calls.ts";

const METHOD = QuotaServiceService.processQuota;

export class StreamCaller {
  readonly call: ClientDuplexStream<Buffer, QuotaOperationResult>;
  readonly results: QuotaOperationResult[] = [];
  /** How the stream ended. */
  readonly ended: Promise<StatusObject | ServiceError>;
  readonly #wanted = new Map<string, (result: QuotaOperationResult) => void>();

  constructor(caller: Caller, options: CallOptions) {
    const { path, responseDeserialize } = METHOD;
    const raw = (bytes: Buffer) => bytes;
    this.call = caller.client.makeBidiStreamRequest(
      path,
      raw,
      responseDeserialize,
      headersOf(options),
    );
    this.call.on("data", (result: QuotaOperationResult) => {
      this.results.push(result);
      this.#wanted.get(result.correlationId)?.(result);
      this.#wanted.delete(result.correlationId);
    });
    this.ended = new Promise((resolve) => {
      // Told twice of a failure: as an error and as a status, which say the same.
      this.call.on("error", resolve);
      this.call.on("status", resolve);
    });
  }

  /** Sends an operation and waits for its result. */
  ask(operation: Parameters<typeof QuotaOperation.fromPartial>[0]): Promise<QuotaOperationResult> {
    const result = new Promise<QuotaOperationResult>((resolve) => {
      this.#wanted.set(operation.correlationId ?? "", resolve);
    });
    this.send(operation);
    return result;
  }

  send(operation: Parameters<typeof QuotaOperation.fromPartial>[0]): void {
    this.sendBytes(METHOD.requestSerialize(QuotaOperation.fromPartial(operation)));
  }

  sendBytes(bytes: Buffer): void {
    this.call.write(bytes);
  }

  /** Ends the caller's half and waits for the end of the stream. */
  async end(): Promise<StatusObject | ServiceError> {
    this.call.end();
    return this.ended;
  }

  /** Waits for the next result, whatever it answers. */
  async next(): Promise<QuotaOperationResult> {
    const [result] = (await once(this.call, "data")) as [QuotaOperationResult];
    return result;
  }
}
