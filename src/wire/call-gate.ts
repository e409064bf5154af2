/**
 * The gate that every call of ours passes: who calls, whether they may, and whether there is room.
 * It knows what is open, so that a draining server can wait for it.
 */
import { Refusal } from "../billing/refusal.ts";
import type { CallObserver, Log } from "../telemetry/observer.ts";
import type { Contract, MethodAccess } from "./contract.ts";
import type { Authenticator, KnownCaller, SurfaceCall } from "./identity.ts";
import { WireRefusal } from "./status.ts";

/** A stream that can be asked to come to its end. */
export interface Drainable {
  drain(): void;
}

export interface GateOptions {
  readonly authenticator: Authenticator;
  readonly contract: Pick<Contract, "methods">;
  /** Calls and streams that may be open at one time; a further one is refused as OVERLOADED. */
  readonly openCallsMax: number;
  readonly observer: CallObserver;
  readonly log: Log;
}

export class CallGate {
  readonly observer: CallObserver;
  readonly log: Log;
  readonly #options: GateOptions;
  readonly #streams = new Set<Drainable>();
  #openCalls = 0;
  #draining = false;
  #whenIdle: (() => void)[] = [];

  constructor(options: GateOptions) {
    this.#options = options;
    this.observer = options.observer;
    this.log = options.log;
  }

  /**
   * The access rule of a method.
   * @throws Error when the contract has none: such a method can't be served
   */
  accessOf(path: string): MethodAccess {
    const access = this.#options.contract.methods.get(path);
    if (access === undefined) throw new Error(`the contract has no access rule for ${path}`);
    return access;
  }

  /**
   * Who is calling, if they may call the method. It is asked before anything of the request is
   * looked at.
   * @throws WireRefusal UNAUTHENTICATED, PERMISSION_DENIED
   */
  authorize(call: SurfaceCall, access: MethodAccess): KnownCaller {
    const known = this.#options.authenticator.identify(call);
    if (known === undefined) {
      const message =
        "the call needs a bearer token or a client certificate that this server knows";
      throw new WireRefusal("UNAUTHENTICATED", message);
    }
    if ((known.roles & access.roles) === 0) {
      const roles = access.roleNames.join(", ");
      const message = `${access.path} may be called with one of these roles: ${roles}`;
      throw new WireRefusal("PERMISSION_DENIED", message, { method: access.path, roles });
    }
    return known;
  }

  /**
   * Opens a call; `leave` must follow.
   * @throws Refusal DRAINING, OVERLOADED
   */
  enter(): void {
    if (this.#draining) throw new Refusal("DRAINING", "this server is shutting down", {});
    if (this.#openCalls >= this.#options.openCallsMax) {
      throw new Refusal("OVERLOADED", "as many calls are open as this server takes", {});
    }
    this.#openCalls += 1;
  }

  leave(): void {
    this.#openCalls -= 1;
    if (this.#openCalls === 0) for (const idle of this.#whenIdle.splice(0)) idle();
  }

  /** A stream that `drain` shall ask to end; it must be taken out when it has. */
  addStream(stream: Drainable): void {
    this.#streams.add(stream);
  }

  removeStream(stream: Drainable): void {
    this.#streams.delete(stream);
  }

  /** Refuses new calls from now on, asks streams to end, and resolves once nothing is open. */
  drain(): Promise<void> {
    this.#draining = true;
    for (const stream of this.#streams) stream.drain();
    if (this.#openCalls === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  get openCalls(): number {
    return this.#openCalls;
  }
}
