/** Turns what payments tell into metrics and log lines, without a payer, a number or a key in them. */
import type { Meter } from "@opentelemetry/api";
import type { NoticeOutcome } from "../billing/order/inbox.ts";
import type { PaymentsObserver } from "../payments.ts";
import type { Log } from "./observer.ts";
import { createThrottle } from "./store-observers.ts";

/** From a cached answer to the longest that WeChat Pay is waited for. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const MS_PER_SECOND = 1_000;

export function observePayments(meter: Meter, log: Log): PaymentsObserver {
  const callbacks = histogram(meter, "billing.callback.duration", {
    about: "Callbacks of WeChat Pay, by outcome, reason and HTTP status",
  });
  const calls = histogram(meter, "billing.wechat.call.duration", {
    about: "Attempts to call WeChat Pay, by operation, host and outcome",
  });
  const alarms = meter.createCounter("billing.payment.alarms", {
    description: "Notices that need a person, by kind and outcome",
  });
  const checks = meter.createCounter("billing.payment.checks", {
    description: "Orders, refunds and notices that were asked about again, by kind",
  });
  const faults = meter.createCounter("billing.payment.faults", {
    description: "Checks and notices that failed for a fault and are tried again, by kind",
  });
  const seldom = createThrottle();
  return {
    ...observeKeys(meter),
    answered: (outcome, reason, status, durationMs) =>
      callbacks.record(durationMs / MS_PER_SECOND, { outcome, reason: reason ?? "", status }),
    attempted(operation, host, outcome, durationMs) {
      calls.record(durationMs / MS_PER_SECOND, { operation, host, outcome });
      if (outcome !== "unauthorized") return;
      seldom("unauthorized", (left) =>
        log.error(
          { operation, host, ...left },
          "WeChat Pay refuses our signature: the clock, the key or the certificate's number is wrong",
        ),
      );
    },
    alarming(notice, outcome: NoticeOutcome, why) {
      alarms.add(1, { kind: notice.kind, outcome });
      log.error(
        { kind: notice.kind, noticeId: notice.noticeId, outcome, why },
        "a notice of WeChat Pay needs a person",
      );
    },
    postponed(notice, fault) {
      faults.add(1, { kind: "notice" });
      seldom("notice", (left) =>
        log.warn(
          { err: fault, noticeId: notice.noticeId, ...left },
          "a notice is kept and settled later",
        ),
      );
    },
    checked({ orders, refunds, notices }) {
      for (const [kind, count] of Object.entries({ orders, refunds, notices })) {
        if (count > 0) checks.add(count, { kind });
      }
    },
    failed(subjectId, fault) {
      faults.add(1, { kind: "check" });
      seldom("check", (left) =>
        log.warn(
          { err: fault, subjectId, ...left },
          "WeChat Pay couldn't be asked; it is asked again",
        ),
      );
    },
  };
}

/** Who signs in WeChat Pay's name, and until when. */
function observeKeys(meter: Meter): Pick<PaymentsObserver, "signed" | "opened"> {
  const signatures = meter.createCounter("billing.wechat.signatures", {
    description: "Signatures of WeChat Pay that held, by what was signed and the kind of key",
  });
  const expiry = meter.createObservableGauge("billing.wechat.certificate.expiry.time.seconds", {
    unit: "seconds",
    description: "When the last of the platform certificates in use runs out, since 1970",
  });
  let opened: Parameters<PaymentsObserver["opened"]>[0] | undefined;
  expiry.addCallback((result) => {
    // The one that lives longest comes first; in public-key mode there is none, and no series.
    const [longest] = opened?.certificates() ?? [];
    if (longest !== undefined) result.observe(longest.expireTimeMs / MS_PER_SECOND);
  });
  return {
    signed: (what, by) => signatures.add(1, { what, by }),
    opened(gateway) {
      opened = gateway;
    },
  };
}

function histogram(meter: Meter, name: string, { about }: { readonly about: string }) {
  return meter.createHistogram(`${name}.seconds`, {
    unit: "seconds",
    description: about,
    advice: { explicitBucketBoundaries: SECONDS },
  });
}
