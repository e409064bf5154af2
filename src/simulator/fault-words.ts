import type { Fault, When } from "./faults.ts";
import { oneOf, optionalNumber, text, wholeNumber, type Words } from "./words.ts";

const when = (words: Words): When =>
  words["when"] === undefined ? "before" : (oneOf(words, "when", ["before", "after"]) as When);

const READERS: { readonly [K in Fault["kind"]]: (words: Words) => Extract<Fault, { kind: K }> } = {
  "bad-signature": () => ({ kind: "bad-signature" }),
  signtest: () => ({ kind: "signtest" }),
  "wrong-serial": () => ({ kind: "wrong-serial" }),
  "unknown-serial": () => ({ kind: "unknown-serial" }),
  "missing-headers": (words) =>
    words["header"] === undefined
      ? { kind: "missing-headers" }
      : { kind: "missing-headers", headers: [text(words, "header")] },
  timestamp: (words) => ({
    kind: "timestamp",
    offsetSeconds: optionalNumber(words, "offset_seconds") ?? -STALE_SECONDS,
  }),
  "altered-body": () => ({ kind: "altered-body" }),
  delay: (words) => ({ kind: "delay", ms: wholeNumber(words, "ms") }),
  hang: (words) => ({ kind: "hang", when: when(words) }),
  reset: (words) => ({ kind: "reset", when: when(words) }),
  "rate-limited": () => ({ kind: "rate-limited" }),
  "system-error": (words) => ({ kind: "system-error", when: when(words) }),
  "bad-gateway": () => ({ kind: "bad-gateway" }),
  "truncated-json": () => ({ kind: "truncated-json" }),
  redirect: (words) => ({ kind: "redirect", location: text(words, "location") }),
};

/** Longer ago than a merchant may accept. */
const STALE_SECONDS = 360;

/** A fault from its words. @throws BadWords */
export function readFault(words: Words): Fault {
  const kind = oneOf(words, "kind", Object.keys(READERS)) as Fault["kind"];
  return READERS[kind](words);
}
