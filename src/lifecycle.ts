/** How a program of ours ends: it closes what it opened, in reverse, when it's told or has to. */
import type { Log } from "./telemetry/observer.ts";

/** Things that were opened, to be closed in reverse. */
export class Closers {
  readonly #closers: { readonly name: string; readonly close: () => Promise<void> }[] = [];
  #closing: Promise<void> | undefined;

  add(name: string, close: () => Promise<void>): void {
    this.#closers.push({ name, close });
  }

  /**
   * Closes everything, once: the last opened first. What can't be closed stops nothing else.
   * @throws AggregateError with what couldn't be closed
   */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const faults: Error[] = [];
    for (const { name, close } of this.#closers.toReversed()) {
      try {
        await close();
      } catch (cause) {
        faults.push(new Error(`${name} can't be closed`, { cause }));
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, "not everything could be closed");
  }
}

export interface Program {
  readonly log: Log;
  /** What `close` gets, in milliseconds, before the program ends without it. */
  readonly closeTimeoutMs: number;
  close(): Promise<void>;
}

/** By convention 128 and the number of the signal. */
const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143 };
type EndSignal = keyof typeof EXIT_BY_SIGNAL;

/**
 * Lets the program run until SIGTERM or SIGINT, then closes it and ends the process with code 0. A
 * second signal ends it at once. An error that nobody caught leaves the program in a state that
 * nobody knows: it's logged, what is open is answered, and the process ends with code 1.
 */
export function runUntilSignal(program: Program): void {
  const { log, closeTimeoutMs } = program;
  let ending = false;

  const end = (code: number): void => {
    if (ending) return;
    ending = true;
    const giveUp = (): never => {
      log.error({ closeTimeoutMs }, "closing takes too long; ending without it");
      process.exit(1);
    };
    setTimeout(giveUp, closeTimeoutMs).unref();
    program.close().then(
      () => {
        log.info({ code }, "ended");
        process.exit(code);
      },
      (error: unknown) => {
        log.error({ err: error }, "ended, but not everything was closed well");
        process.exit(1);
      },
    );
  };
  const onSignal = (signal: EndSignal): void => {
    if (ending) {
      log.warn({ signal }, "a second signal: ending at once");
      process.exit(EXIT_BY_SIGNAL[signal]);
    }
    log.info({ signal }, "ending: new calls are refused, open ones are answered");
    end(0);
  };
  const onFault = (error: unknown, origin: string): void => {
    log.error({ err: error, origin }, "an error that nobody caught");
    end(1);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  // A promise that nobody waited for ends here too, as "unhandledRejection".
  process.on("uncaughtException", onFault);
}
