/**
 * A method that answers with a stream: admitted by the gate, and served as fast as the caller reads. No more than what
 * one write takes is made in advance.
 */
import { status, type handleServerStreamingCall, type ServerWritableStream } from "@grpc/grpc-js";
import { cancelledRefusal, headerOf, requestIdOf, unreadable, type WireCall } from "./call.ts";
import type { CallGate } from "./call-gate.ts";
import { failureOf, statusObject } from "./status.ts";

export type StreamHandle<Request, Response> = (
  request: Request,
  call: WireCall,
) => AsyncIterable<Response>;

export function serverStream<Request, Response>(
  gate: CallGate,
  path: string,
  handle: StreamHandle<Request, Response>,
): handleServerStreamingCall<Request, Response> {
  const access = gate.accessOf(path);
  return (call) => {
    const observed = gate.observer.started(path, (name) => headerOf(call, name));
    const cancellation = new AbortController();
    let callerName = "";
    let hasEntered = false;
    call.on("cancelled", () => cancellation.abort(cancelledRefusal(call)));
    const serve = async () => {
      const { caller } = gate.authorize(call, access);
      callerName = caller.name;
      gate.enter();
      hasEntered = true;
      const fault = unreadable(call.request);
      if (fault !== undefined) throw fault;
      const { signal } = cancellation;
      for await (const response of handle(call.request, { caller, signal })) {
        await written(call, response, signal);
      }
    };
    observed
      .run(serve)
      .then(
        () => {
          call.end();
          observed.finished(status.OK, undefined);
        },
        (error: unknown) => {
          const failed = observed.run(() =>
            failureOf(error, {
              path,
              caller: callerName,
              log: gate.log,
              requestId: () => requestIdOf(call),
            }),
          );
          // grpc-js ends a stream with the status that is emitted as its error.
          call.emit("error", statusObject(failed));
          observed.finished(failed.code, failed.reason);
        },
      )
      .finally(() => {
        if (hasEntered) gate.leave();
      });
  };
}

/** Writes, and waits while the caller reads slower than we write. @throws the signal's reason */
async function written<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  response: Response,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (call.write(response)) return;
  await new Promise<void>((resolve, reject) => {
    const go = () => {
      call.off("drain", go);
      signal.removeEventListener("abort", stop);
      resolve();
    };
    const stop = () => {
      call.off("drain", go);
      reject(signal.reason as Error);
    };
    call.once("drain", go);
    signal.addEventListener("abort", stop, { once: true });
  });
}
