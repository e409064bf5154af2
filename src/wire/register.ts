/** Puts a service's handlers behind the gate and on the server. */
import type {
  handleUnaryCall,
  MethodDefinition,
  Server,
  ServiceDefinition,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import { unary, UNDECODABLE, type Handle } from "./call.ts";
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

/**
 * Registers a service.
 * @param streams the streaming methods, by name, as grpc-js wants them
 * @throws Error when the contract doesn't say who may call a method
 */
export function registerService<Service>(
  server: Server,
  gate: CallGate,
  definition: ServiceDefinition,
  handles: HandlesOf<Service>,
  streams: Readonly<Record<string, UntypedHandleCall>> = {},
): void {
  const byName = handles as Readonly<Record<string, Handle<unknown, unknown>>>;
  const methods = Object.entries(definition);
  const tolerant = methods.map(([name, method]) => [name, withTolerance(method)]);
  const implementation = methods.map(([name, { path }]) => [
    name,
    streams[name] ?? unary(gate, path, byName[name]!),
  ]);
  server.addService(Object.fromEntries(tolerant), Object.fromEntries(implementation));
}

/**
 * Bytes that are no message reach the handler as UNDECODABLE: grpc-js itself would answer INTERNAL,
 * before it is known who calls.
 */
function withTolerance<Request, Response>(
  method: MethodDefinition<Request, Response>,
): MethodDefinition<Request, Response> {
  return {
    ...method,
    requestDeserialize(bytes) {
      try {
        return method.requestDeserialize(bytes);
      } catch {
        return UNDECODABLE as Request;
      }
    },
  };
}
