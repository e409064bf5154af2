/** What a server answers to a health check of gRPC, as a balancer asks it: without a credential. */
import { Caller } from "./calls.ts";

export type Health = "UNKNOWN" | "SERVING" | "NOT_SERVING";

const STATES: readonly Health[] = ["UNKNOWN", "SERVING", "NOT_SERVING"];

/** The answer's message has one field, the state: its tag, then its number. */
const CHECK = {
  path: "/grpc.health.v1.Health/Check",
  responseDeserialize: (bytes: Buffer): Health => STATES[bytes[1] ?? 0] ?? "UNKNOWN",
};

/** The health of the server as a whole. */
export async function healthOf(address: string): Promise<Health> {
  const caller = new Caller(address);
  try {
    return await caller.send(CHECK, Buffer.alloc(0));
  } finally {
    caller.close();
  }
}
