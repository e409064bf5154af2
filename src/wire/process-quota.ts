/**
 * ProcessQuota: reserve, commit and refund over one bidirectional stream. Operations are served
 * side by side and answered as each is settled. A refused operation is an answer; only what makes
 * the stream itself useless ends it with a status: no permission, bytes that are no message, a
 * draining server.
 */
import { status, type handleBidiStreamingCall, type ServerDuplexStream } from "@grpc/grpc-js";
import type { Caller } from "../billing/id.ts";
import { BadField, Refusal } from "../billing/refusal.ts";
import type {
  QuotaOperation,
  QuotaOperationResult,
} from "../gen/billing/quota/v1/quota_service.ts";
import type { ObservedCall } from "../telemetry/observer.ts";
import { cancelledRefusal, headerOf, requestIdOf, unreadable, type WireCall } from "./call.ts";
import type { CallGate, Drainable } from "./call-gate.ts";
import type { MethodAccess } from "./contract.ts";
import { FieldCheck } from "./field.ts";
import type { QuotaOperations } from "./quota-service.ts";
import { failureOf, statusMessage, statusObject, type Failure, type Occasion } from "./status.ts";

/**
 * Operations of one stream that may be unanswered: several batches of the teller, so that it never
 * waits for a stream, and few enough that one stream can't fill its queue.
 */
export const UNANSWERED_MAX = 1_024;

type Duplex = ServerDuplexStream<QuotaOperation, QuotaOperationResult>;
type Result = NonNullable<QuotaOperationResult["result"]>;

export function processQuota(
  gate: CallGate,
  path: string,
  operations: QuotaOperations,
): handleBidiStreamingCall<QuotaOperation, QuotaOperationResult> {
  const access = gate.accessOf(path);
  return (call) => {
    const observed = gate.observer.started(path, (name) => headerOf(call, name));
    let caller: Caller = { name: "" };
    try {
      ({ caller } = gate.authorize(call, access));
      gate.enter();
    } catch (error) {
      const failed = failureOf(error, occasionOf(gate, access, call, caller));
      observed.finished(failed.code, failed.reason);
      // grpc-js ends a stream with the status that is emitted as its error.
      call.emit("error", statusObject(failed));
      return;
    }
    new OperationStream(gate, access, call, observed, caller, operations).start();
  };
}

class OperationStream implements Drainable {
  readonly #gate: CallGate;
  readonly #call: Duplex;
  readonly #observed: ObservedCall;
  readonly #operations: QuotaOperations;
  readonly #occasion: Occasion;
  readonly #wireCall: WireCall;
  readonly #cancellation = new AbortController();
  /** The correlation ids of operations that aren't answered yet. */
  readonly #open = new Set<string>();
  /**
   * Operations that were read and whose answers haven't left yet, their number bounds what is kept.
   */
  #unanswered = 0;
  /**
   * Why no further operation is taken: null once the caller has sent all; undefined while it goes
   * on.
   */
  #ending: Failure | null | undefined;
  #isOver = false;

  constructor(
    gate: CallGate,
    access: MethodAccess,
    call: Duplex,
    observed: ObservedCall,
    caller: Caller,
    operations: QuotaOperations,
  ) {
    this.#gate = gate;
    this.#call = call;
    this.#observed = observed;
    this.#operations = operations;
    this.#occasion = occasionOf(gate, access, call, caller);
    this.#wireCall = { caller, signal: this.#cancellation.signal };
  }

  start(): void {
    this.#gate.addStream(this);
    this.#call.on("cancelled", () => this.#cancelled());
    this.#call.on("end", () => this.#endWhenAnswered(null));
    this.#call.on("data", (operation: QuotaOperation) => this.#take(operation));
  }

  /** Takes no further operation; what was taken is answered first. */
  drain(): void {
    const draining = new Refusal("DRAINING", "this server is shutting down", {});
    this.#endWhenAnswered(failureOf(draining, this.#occasion));
  }

  #take(operation: QuotaOperation): void {
    // What was still buffered when the end was decided is left unanswered: the key makes it safe to
    // repeat.
    if (this.#ending !== undefined || this.#isOver) return;
    const fault = unreadable(operation);
    if (fault !== undefined) {
      this.#endWhenAnswered(failureOf(fault, this.#occasion));
      return;
    }
    this.#unanswered += 1;
    if (this.#unanswered >= UNANSWERED_MAX) this.#call.pause();
    const { correlationId } = operation;
    const observed = this.#observed.operation(operation.operation?.$case ?? "unknown");
    const isFirst = !this.#open.has(correlationId);
    observed
      .run(() => this.#serve(operation, isFirst))
      .then(
        (result) => {
          observed.finished(status.OK, undefined);
          this.#answer(correlationId, isFirst, result);
        },
        (error: unknown) => {
          // Within the operation's span: the log line of a fault bears its trace.
          const failed = observed.run(() => failureOf(error, this.#occasion));
          observed.finished(failed.code, failed.reason);
          this.#answer(correlationId, isFirst, { $case: "error", value: statusMessage(failed) });
        },
      );
  }

  async #serve({ correlationId, operation }: QuotaOperation, isFirst: boolean): Promise<Result> {
    const check = new FieldCheck();
    check.key("correlation_id", correlationId);
    if (operation === undefined)
      check.refuse("operation", "is required: reserve, commit or refund");
    if (!isFirst) check.refuse("correlation_id", "must not be that of an unanswered operation");
    check.done();
    this.#open.add(correlationId);
    const { $case, value } = operation!;
    switch ($case) {
      case "reserve":
        return { $case, value: await this.#operations.reserve(value, this.#wireCall, "reserve.") };
      case "commit":
        return { $case, value: await this.#operations.commit(value, this.#wireCall, "commit.") };
      case "refund":
        return { $case, value: await this.#operations.refund(value, this.#wireCall, "refund.") };
      default:
        // The types know three cases, and an unknown one isn't decoded.
        throw new BadField([{ field: "operation", rule: "must be reserve, commit or refund" }]);
    }
  }

  #answer(correlationId: string, isFirst: boolean, result: Result): void {
    if (isFirst) this.#open.delete(correlationId);
    if (this.#isOver) return;
    // Counted down when the answer has left: a caller who doesn't read is not read from either.
    this.#call.write({ correlationId, result }, this.#left);
  }

  readonly #left = (): void => {
    this.#unanswered -= 1;
    if (this.#isOver) return;
    if (this.#ending !== undefined) this.#endIfAnswered();
    else if (this.#unanswered === UNANSWERED_MAX - 1) this.#call.resume();
  };

  #endWhenAnswered(failed: Failure | null): void {
    if (this.#ending !== undefined || this.#isOver) return;
    this.#ending = failed;
    this.#endIfAnswered();
  }

  #endIfAnswered(): void {
    if (this.#unanswered > 0 || this.#isOver) return;
    const ending = this.#ending ?? null;
    this.#finish(ending?.code ?? status.OK, ending?.reason);
    if (ending === null) this.#call.end();
    else this.#call.emit("error", statusObject(ending));
  }

  #cancelled(): void {
    if (this.#isOver) return;
    const reason = cancelledRefusal(this.#call);
    this.#cancellation.abort(reason);
    const failed = failureOf(reason, this.#occasion);
    this.#finish(failed.code, failed.reason);
  }

  #finish(code: status, reason: string | undefined): void {
    this.#isOver = true;
    this.#gate.removeStream(this);
    this.#gate.leave();
    this.#observed.finished(code, reason);
  }
}

function occasionOf(gate: CallGate, access: MethodAccess, call: Duplex, caller: Caller): Occasion {
  return {
    path: access.path,
    caller: caller.name,
    log: gate.log,
    requestId: () => requestIdOf(call),
  };
}
