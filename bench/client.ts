/**
 * The load generator, a process of its own: callers in a closed loop, each of which sends its next
 * request when the last one is answered. It's told its load by the process that forked it, and
 * reports to it.
 */
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  QuotaServiceClient,
  type QuotaOperation,
  type QuotaOperationResult,
} from "../src/gen/billing/quota/v1/quota_service.ts";
import { userIdOf } from "./books.ts";
import type { ClientReport, Load } from "./load.ts";
import { cpuTimeUs, machineBusyUs } from "./process-usage.ts";
import { Recorder } from "./recorder.ts";
import { commitRequest, refundRequest, reserveRequest } from "./requests.ts";

/** Longer than any answer takes: an answer that is later is one that nobody waits for. */
const DEADLINE_MS = 30_000;
/** One task in so many fails, and its quota goes back. */
const TASKS_PER_FAILURE = 5;

/** A caller makes one call and tells when it's over, and how long to wait before the next. */
type Step = (over: (pauseMs: number) => void) => void;

class Generator {
  readonly #load: Load;
  readonly #recorder: Recorder;
  readonly #clients: QuotaServiceClient[];
  readonly #headers = new Metadata();
  #stopped = false;

  constructor(load: Load) {
    this.#load = load;
    this.#recorder = new Recorder((load.afterRefusal ?? "fail") === "fail");
    this.#headers.set("authorization", `Bearer ${load.token}`);
    this.#clients = Array.from(
      { length: load.channels },
      () =>
        new QuotaServiceClient(load.address, credentials.createInsecure(), {
          // Without it all channels would share one connection.
          "grpc.use_local_subchannel_pool": 1,
          "grpc.enable_channelz": 0,
        }),
    );
  }

  async run(): Promise<ClientReport> {
    const callers = this.#load.kind === "stream" ? this.#startStreams() : this.#startCallers();
    await elapse(this.#load.warmUpMs);
    const begin = this.#takeReadings();
    this.#recorder.measure(true);
    await elapse(this.#load.measureMs);
    this.#recorder.measure(false);
    const end = this.#takeReadings();
    this.#stopped = true;
    await Promise.all(callers);
    for (const client of this.#clients) client.close();
    const cpuUs = Object.entries(begin.cpuUs).map(([name, us]) => [name, end.cpuUs[name]! - us]);
    const { latency, refusalLatency, tally } = this.#recorder;
    return {
      seconds: (end.atMs - begin.atMs) / 1_000,
      answered: latency.total,
      refused: refusalLatency.total,
      latencyCounts: latency.counts,
      refusalCounts: refusalLatency.counts,
      cpuUs: Object.fromEntries(cpuUs),
      clientCpuUs: end.clientCpuUs - begin.clientCpuUs,
      machineUs: end.machineUs - begin.machineUs,
      whole: tally,
    };
  }

  #takeReadings() {
    const watched = Object.entries(this.#load.watched);
    const cpuUs: Record<string, number> = {};
    for (const [name, pid] of watched) cpuUs[name] = cpuTimeUs(pid);
    const { user, system } = process.cpuUsage();
    const machineUs = machineBusyUs();
    return { atMs: performance.now(), cpuUs, clientCpuUs: user + system, machineUs };
  }

  #startCallers(): Promise<void>[] {
    return Array.from({ length: this.#load.inFlight }, (_, at) => {
      const client = this.#clients[at % this.#clients.length]!;
      const step = this.#stepFor(client);
      return new Promise<void>((resolve) => this.#loop(step, resolve));
    });
  }

  #loop(step: Step, done: () => void): void {
    if (this.#stopped) return done();
    step((pauseMs) => {
      if (pauseMs === 0) this.#loop(step, done);
      // Who was refused at the same time shall not come back at the same time.
      else setTimeout(() => this.#loop(step, done), pauseMs * (0.5 + Math.random()));
    });
  }

  #stepFor(client: QuotaServiceClient): Step {
    const { kind } = this.#load;
    if (kind === "balance") return (over) => this.#getBalance(client, over);
    if (kind === "task") return this.#taskSteps(client);
    return (over) => this.#reserve(client, over);
  }

  #reserve(client: QuotaServiceClient, over: (pauseMs: number, heldId?: string) => void): void {
    const beganMs = performance.now();
    const request = reserveRequest(this.#anyUser());
    client.reserveQuota(request, this.#headers, deadline(), (error, response) => {
      if (error !== null) return over(this.#pauseAfter(error, beganMs));
      this.#recorder.answered(beganMs);
      const { reservationId } = response.reservation!;
      this.#recorder.reserved(reservationId);
      over(0, reservationId);
    });
  }

  #getBalance(client: QuotaServiceClient, over: (pauseMs: number) => void): void {
    const beganMs = performance.now();
    client.getBalance({ userId: this.#anyUser() }, this.#headers, deadline(), (error) => {
      if (error !== null) return over(this.#pauseAfter(error, beganMs));
      this.#recorder.answered(beganMs);
      over(0);
    });
  }

  /** The life of a task: its quota is held, then spent, or given back when the task failed. */
  #taskSteps(client: QuotaServiceClient): Step {
    let held: string | undefined;
    let tasks = 0;
    return (over) => {
      if (held === undefined) {
        this.#reserve(client, (pauseMs, heldId) => {
          held = heldId;
          over(pauseMs);
        });
        return;
      }
      const reservationId = held;
      held = undefined;
      tasks += 1;
      const beganMs = performance.now();
      const ended = (note: () => void) => (error: ServiceError | null) => {
        if (error !== null) return over(this.#pauseAfter(error, beganMs));
        this.#recorder.answered(beganMs);
        note();
        over(0);
      };
      if (tasks % TASKS_PER_FAILURE !== 0) {
        const then = ended(() => this.#recorder.committed());
        client.commitQuota(commitRequest(reservationId), this.#headers, deadline(), then);
      } else {
        const then = ended(() => this.#recorder.refunded());
        client.refundQuota(refundRequest(reservationId), this.#headers, deadline(), then);
      }
    };
  }

  #startStreams(): Promise<void>[] {
    const slots = Math.ceil(this.#load.inFlight / this.#clients.length);
    return this.#clients.map(
      (client) => new Promise<void>((resolve) => this.#runStream(client, slots, resolve)),
    );
  }

  /** One stream; each slot is a caller, whose number is the correlation id of its operation. */
  #runStream(client: QuotaServiceClient, slots: number, done: () => void): void {
    const beganMs: number[] = [];
    const stream = client.processQuota(this.#headers);
    let open = 0;
    const send = (slot: number): void => {
      if (this.#stopped) {
        if (open === 0) stream.end();
        return;
      }
      open += 1;
      beganMs[slot] = performance.now();
      const operation: QuotaOperation = {
        correlationId: String(slot),
        operation: { $case: "reserve", value: reserveRequest(this.#anyUser()) },
      };
      stream.write(operation);
    };
    stream.on("data", ({ correlationId, result }: QuotaOperationResult) => {
      const slot = Number(correlationId);
      open -= 1;
      if (result?.$case === "reserve") {
        this.#recorder.answered(beganMs[slot]!);
        this.#recorder.reserved(result.value.reservation!.reservationId);
      } else if (result?.$case === "error") this.#recorder.refused(result.value, beganMs[slot]!);
      else this.#recorder.fault(`a reserve was answered as ${result?.$case}`);
      send(slot);
    });
    stream.on("error", (error) => {
      this.#recorder.fault(`a stream ended with ${error.message}`);
      done();
    });
    stream.on("end", done);
    for (let slot = 0; slot < slots; slot++) send(slot);
  }

  #pauseAfter(error: ServiceError, beganMs: number): number {
    const pauseMs = this.#recorder.failed(error, beganMs);
    return this.#load.afterRefusal === "return" ? 0 : pauseMs;
  }

  #anyUser(): string {
    const { users, userStride = 1 } = this.#load;
    return userIdOf(Math.floor(Math.random() * users) * userStride);
  }
}

function deadline() {
  return { deadline: Date.now() + DEADLINE_MS };
}

function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

process.once("disconnect", () => process.exit(1));
process.once("message", (load) => {
  void new Generator(load as Load).run().then((report) => {
    // Not an exit code alone: nothing else is left to do once the report has left.
    process.send!(report, () => process.exit(0));
  });
});
