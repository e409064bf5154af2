/**
 * BullMQ's scheduler wakes one server of all when it is time for the day's reports. It is only the bell: without Redis the
 * servers look by themselves once a minute, and the reports that are kept say what is due.
 */
import { Queue, Worker } from "bullmq";
import { openConsumers, inTime } from "./transport.ts";

export interface ReportClockOptions {
  /** `redis://…`. */
  readonly url: string;
  /** What its keys in Redis begin with. */
  readonly prefix?: string;
  /** When it rings, as cron writes it, in Asia/Shanghai. */
  readonly pattern: string;
  readonly ring: () => void;
  readonly failed: (fault: unknown) => void;
}

export interface ReportClock {
  close(): Promise<void>;
}

const NAME = "reports";
const DEFAULT_PREFIX = "billing-guard";
const MINUTE_MS = 60_000;
const MINUTES_PER_HOUR = 60;
const CLOSE_TIMEOUT_MS = 2_000;

/** Once a day. @param timeOfDayMs after midnight */
export function dailyAt(timeOfDayMs: number): string {
  const minutes = Math.floor(timeOfDayMs / MINUTE_MS);
  return `${minutes % MINUTES_PER_HOUR} ${Math.floor(minutes / MINUTES_PER_HOUR)} * * *`;
}

/** Connects in the background, and again whenever Redis is back. */
export function openReportClock(options: ReportClockOptions): ReportClock {
  const { url, prefix = DEFAULT_PREFIX, pattern, ring, failed } = options;
  const consumers = openConsumers(url);
  const connection = consumers.redis;
  const queue = new Queue(NAME, {
    connection,
    prefix,
    // Nothing is to be known of a bell that has rung.
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  queue.on("error", () => undefined);
  const worker = new Worker(NAME, async () => ring(), { connection, prefix });
  worker.on("error", () => undefined);
  let isClosing = false;
  queue
    .upsertJobScheduler("daily", { pattern, tz: "Asia/Shanghai" }, { name: "daily" })
    .catch((fault: unknown) => {
      if (!isClosing) failed(fault);
    });
  return {
    async close() {
      isClosing = true;
      // With Redis gone they would wait for it.
      await inTime(Promise.allSettled([worker.close(true), queue.close()]), CLOSE_TIMEOUT_MS);
      consumers.disconnect();
    },
  };
}
