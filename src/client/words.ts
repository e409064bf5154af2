/** Words for the log that come from errors and command lines, made fit for the service. */

/** The service's limits, in characters. */
const FAILED_STEP_MAX = 255;
const DETAIL_MAX = 1_000;

/**
 * Control, direction and replacement characters and broken surrogates, all of which the service
 * refuses.
 */
const UNFIT = /[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFD]+/gu;

/** A step's name without line ends and colours, cut to what the service takes. */
export function fitStep(text: string): string {
  return fit(text, FAILED_STEP_MAX);
}

/**
 * A detail without line ends and colours, cut to what the service takes: an error message must not
 * be the reason for which a refund is refused.
 */
export function fitDetail(text: string): string {
  return fit(text, DETAIL_MAX);
}

function fit(text: string, max: number): string {
  // Cutting first keeps the work small for a message of megabytes; a character has at most two
  // units.
  const plain = text
    .slice(0, 4 * max)
    .replace(UNFIT, " ")
    .trim();
  return Array.from(plain).slice(0, max).join("").trim();
}
