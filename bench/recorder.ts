/** Notes what happened to the calls of one process of the load. */
import { crc32 } from "node:zlib";
import { status as Code, type ServiceError } from "@grpc/grpc-js";
import { ErrorInfo, RetryInfo } from "../src/gen/google/rpc/error_details.ts";
import { Status } from "../src/gen/google/rpc/status.ts";
import { Histogram } from "./histogram.ts";
import type { Tally } from "./load.ts";

/** The first few say what is wrong; the others would say the same. */
const FAULTS_KEPT = 3;
/** The code as it stands in a message, which is a plain number. */
const UNAVAILABLE: number = Code.UNAVAILABLE;
/** What a caller waits who wasn't told how long. */
const PAUSE_MS = 100;

export class Recorder {
  readonly latency = new Histogram();
  readonly refusalLatency = new Histogram();
  readonly #refusalsAreFaults: boolean;
  readonly #refusals: Record<string, number> = {};
  readonly #faults: string[] = [];
  #measuring = false;
  #reserved = 0;
  #committed = 0;
  #refunded = 0;
  #idSum = 0;
  #unknown = 0;
  #withoutRetryInfo = 0;

  constructor(refusalsAreFaults: boolean) {
    this.#refusalsAreFaults = refusalsAreFaults;
  }

  /** From now on, or no longer, latencies count. */
  measure(isOn: boolean): void {
    this.#measuring = isOn;
  }

  /** A call was answered that began at that time of `performance.now()`. */
  answered(beganMs: number): void {
    if (this.#measuring) this.latency.add((performance.now() - beganMs) * 1_000);
  }

  reserved(reservationId: string): void {
    this.#reserved += 1;
    // Unsigned, so that the sum is that of the database.
    this.#idSum = (this.#idSum + crc32(reservationId)) >>> 0;
  }

  committed(): void {
    this.#committed += 1;
  }

  refunded(): void {
    this.#refunded += 1;
  }

  /** A call failed. @returns how long its caller shall wait, in milliseconds */
  failed(error: ServiceError, beganMs: number): number {
    const [bytes] = error.metadata.get("grpc-status-details-bin");
    if (bytes instanceof Buffer) return this.refused(Status.decode(bytes), beganMs);
    const isOpen = [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.CANCELLED].includes(error.code);
    if (isOpen) this.#unknown += 1;
    if (!isOpen || this.#refusalsAreFaults) this.fault(error.message);
    return PAUSE_MS;
  }

  /** The server said no, and why. @returns how long its caller shall wait, in milliseconds */
  refused({ code, message, details }: Status, beganMs: number): number {
    if (this.#measuring) this.refusalLatency.add((performance.now() - beganMs) * 1_000);
    const reason = bodyOf(details, "ErrorInfo", ErrorInfo)?.reason ?? "no reason";
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1;
    if (this.#refusalsAreFaults || code !== UNAVAILABLE) this.fault(`${reason}: ${message}`);
    const delay = bodyOf(details, "RetryInfo", RetryInfo)?.retryDelay;
    if (delay !== undefined) return Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000;
    this.#withoutRetryInfo += 1;
    return PAUSE_MS;
  }

  fault(text: string): void {
    if (this.#faults.length < FAULTS_KEPT) this.#faults.push(text);
  }

  get tally(): Tally {
    return {
      reserved: this.#reserved,
      committed: this.#committed,
      refunded: this.#refunded,
      idSum: this.#idSum,
      unknown: this.#unknown,
      refusals: this.#refusals,
      withoutRetryInfo: this.#withoutRetryInfo,
      faults: this.#faults,
    };
  }
}

interface Decoder<Message> {
  decode(bytes: Uint8Array): Message;
}

function bodyOf<Message>(
  details: Status["details"],
  name: string,
  type: Decoder<Message>,
): Message | undefined {
  const found = details.find(({ typeUrl }) => typeUrl.endsWith(`/google.rpc.${name}`));
  return found && type.decode(found.value);
}
