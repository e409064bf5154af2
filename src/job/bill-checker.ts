/**
 * Checks each day's trade bill and fund-flow bill against the books, once they can be had, and the bills of days that were
 * missed while the service was down. On any number of servers, each bill by one of them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { MINUTE_MS } from "../billing/clock.ts";
import { billPauseMs, type BillDays, type DueDay } from "../billing/order/bill-days.ts";
import {
  checkBill,
  checkFlow,
  type BillOutcome,
  type BillParts,
  type BillType,
} from "../billing/order/check-bill.ts";

/** Whoever took a day has died by then; a large bill with a day's worth of lost callbacks takes minutes. */
const LEASE_MS = 30 * MINUTE_MS;
/** Days come one a day: a look a minute is soon enough. */
export const BILL_ROUND_MS = MINUTE_MS;

export interface BillCheckerOptions {
  readonly parts: BillParts;
  readonly days: BillDays;
  /** Of fund-flow bills. */
  readonly flowDays: BillDays;
  readonly intervalMs: number;
  readonly observer: BillObserver;
}

export type CheckedDay = Extract<BillOutcome, { readonly kind: "checked" }>;

/** Hears of bills. No call throws and none waits. */
export interface BillObserver {
  /** A bill was compared with the books; with findings a person has to look. */
  billChecked(checked: CheckedDay): void;
  /** It isn't made yet, and is asked for again. @param attempt how often it was tried, from 1 */
  billLate(date: string, attempt: number): void;
  /** It can't be had, can't be believed, or could not be cleared up; it's tried again. */
  billFailed(date: string, fault: unknown): void;
  /** A round is over. @param waiting days whose bill isn't checked, by the bill's type */
  billsChecked(waiting: Readonly<Record<BillType, number>>): void;
}

export interface BillChecker {
  /** One whole round, now: every day that is due. @returns how many were tried */
  check(): Promise<number>;
  /** Ends after what is under way. */
  stop(): Promise<void>;
}

/** Starts looking every `intervalMs`, from now on. */
export function startBillChecker(options: BillCheckerOptions): BillChecker {
  const { parts, days, flowDays, observer, intervalMs } = options;
  const stopping = new AbortController();
  const { signal } = stopping;

  const checkAll = async (dueDays: BillDays, checkOne: (due: DueDay) => Promise<void>) => {
    await dueDays.add();
    for (let tried = 0; ; tried += 1) {
      const due = signal.aborted ? undefined : await dueDays.takeDue(LEASE_MS);
      if (due === undefined) return tried;
      await checkOne(due);
    }
  };
  // A day's trade bill goes first: fees are held against it.
  const check = async () => {
    const trade = await checkAll(days, (due) => checkDay({ parts, days, observer }, due, signal));
    const flow = { parts, days: flowDays, observer };
    const flows = await checkAll(flowDays, (due) => checkFlowDay(flow, due, signal));
    observer.billsChecked({ TRADE: await days.waiting(), FUND_FLOW: await flowDays.waiting() });
    return trade + flows;
  };

  const loop = (async () => {
    while (!signal.aborted) {
      await check().catch((fault: unknown) => observer.billFailed("", fault));
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  })();

  return {
    check,
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

type DayParts = Pick<BillCheckerOptions, "parts" | "days" | "observer">;

/** Tries one day's trade bill that was taken; what fails is put off. */
export function checkDay(options: DayParts, due: DueDay, signal?: AbortSignal): Promise<void> {
  return tryDay(options, due, () => checkBill(options.parts, due.date, signal), signal);
}

/** The same for a fund-flow bill. @param options with the days of fund-flow bills */
export function checkFlowDay(options: DayParts, due: DueDay, signal?: AbortSignal): Promise<void> {
  return tryDay(options, due, () => checkFlow(options.parts, due.date, signal), signal);
}

async function tryDay(
  { days, observer }: Pick<DayParts, "days" | "observer">,
  { date, attempt }: DueDay,
  check: () => Promise<BillOutcome>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const putOff = (note: string) => days.putOff(date, billPauseMs(attempt), note);
  try {
    const outcome = await check();
    switch (outcome.kind) {
      case "creating":
        observer.billLate(date, attempt);
        return await putOff("the bill isn't made yet");
      case "refused":
        observer.billFailed(
          date,
          new Error(`the bill is refused: ${outcome.code}: ${outcome.message}`),
        );
        return await putOff(`${outcome.code}: ${outcome.message}`);
      case "checked":
        observer.billChecked(outcome);
        return await finish({ days, observer, putOff }, outcome);
      default:
        return outcome satisfies never;
    }
  } catch (fault) {
    // Told to stop, not failed: the lease ends, and another goes on.
    if (signal?.aborted) return;
    observer.billFailed(date, fault);
    await putOff(fault instanceof Error ? `${fault.name}: ${fault.message}` : "failed");
  }
}

/** A day is done when nothing is left that time or another try could clear up. */
async function finish(
  {
    days,
    observer,
    putOff,
  }: Pick<BillCheckerOptions, "days" | "observer"> & {
    readonly putOff: (note: string) => Promise<void>;
  },
  { day, findings, doubts, lacksStatement }: CheckedDay,
): Promise<void> {
  for (const doubt of doubts) observer.billFailed(day.date, doubt);
  if (doubts.length > 0) return putOff(`${doubts.length} lines could not be cleared up`);
  if (lacksStatement) return putOff("WeChat Pay has no bill, and the books aren't empty");
  await days.finish(day.date, `${findings.length} findings`);
}
