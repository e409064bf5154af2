/** Puts a service's handlers behind the gate and on the server. */
import type {
  handleUnaryCall,
  MethodDefinition,
  Server,
  ServiceDefinition,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { OVERSIZED, REQUEST_BYTES_MAX, unary, UNDECODABLE, type Handle } from "./call.ts";
import type { CallGate } from "./call-gate.ts";

/** The handlers that a generated service interface asks for, streams apart. */
export type HandlesOf<Service> = {
  readonly [
    Method in keyof Service as UnaryName<Service, Method>
  ]: Service[Method] extends handleUnaryCall<infer Request, infer Response>
    ? Handle<Request, Response>
    : never;
};

/** Only named methods count: the generated interfaces allow any other name too. */
type UnaryName<Service, Method extends keyof Service> = string extends Method
  ? never
  : Service[Method] extends handleUnaryCall<infer _Request, infer _Response>
    ? Method
    : never;

export interface RegisterOptions {
  /** The streaming methods, by name, as grpc-js wants them. */
  readonly streams?: Readonly<Record<string, UntypedHandleCall>>;
  /** Larger requests are refused; REQUEST_BYTES_MAX when absent. The server's own limit is the largest of all. */
  readonly requestBytesMax?: number;
}

/**
 * Registers a service.
 * @throws Error when the contract doesn't say who may call a method
 */
export function registerService<Service>(
  server: Server,
  gate: CallGate,
  definition: ServiceDefinition,
  handles: HandlesOf<Service>,
  { streams = {}, requestBytesMax = REQUEST_BYTES_MAX }: RegisterOptions = {},
): void {
  const byName = handles as Readonly<Record<string, Handle<unknown, unknown>>>;
  const methods = Object.entries(definition);
  const tolerant = methods.map(([name, method]) => [name, withTolerance(method, requestBytesMax)]);
  const implementation = methods.map(([name, { path }]) => [
    name,
    streams[name] ?? unary(gate, path, byName[name]!),
  ]);
  server.addService(Object.fromEntries(tolerant), Object.fromEntries(implementation));
}

/**
 * Bytes that are no message reach the handler as UNDECODABLE, and too many as OVERSIZED: grpc-js itself would
 * answer INTERNAL, before it is known who calls.
 */
function withTolerance<Request, Response>(
  method: MethodDefinition<Request, Response>,
  bytesMax: number,
): MethodDefinition<Request, Response> {
  return {
    ...method,
    requestDeserialize(bytes) {
      if (bytes.length > bytesMax) return OVERSIZED as Request;
      try {
        return method.requestDeserialize(bytes);
      } catch {
        return UNDECODABLE as Request;
      }
    },
  };
}
