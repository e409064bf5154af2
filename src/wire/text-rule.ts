/** What free text may contain. It is read by people, in consoles, logs and spreadsheets. */

/**
 * What no text may contain:
 * - control characters (Cc), U+2028 and U+2029, which break lines where nobody expects one;
 * - the characters that turn the direction of what follows (U+202A to U+202E, U+2066 to U+2069):
 *   with them a note reads other than it is stored, and whoever approves it approves something
 *   else;
 * - U+FFFD, which stands for bytes that were no UTF-8, and unpaired surrogates.
 */
const FORBIDDEN = /[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFD]/u;
/** The same, but lines and tabs are allowed. */
const FORBIDDEN_IN_LINES =
  /(?![\t\n\r])[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069\uFFFD]/u;

export interface TextRule {
  /** Characters at least; with 1 or more the text may not be all blanks either. */
  readonly min: number;
  /** Characters (Unicode code points) at most. */
  readonly max: number;
  /** True: may have several lines. */
  readonly lines?: boolean;
}

/** The rule that the text breaks, as a sentence about its field; undefined when it breaks none. */
export function textFault(text: string, { min, max, lines = false }: TextRule): string | undefined {
  if (min > 0 && text.trim() === "")
    return `is required: ${min} to ${max} characters, not all blanks`;
  if (isLonger(text, max)) return `must have at most ${max} characters`;
  if (!(lines ? FORBIDDEN_IN_LINES : FORBIDDEN).test(text)) return undefined;
  return lines
    ? "must not contain control or direction characters; tabs and line ends are fine"
    : "must not contain control or direction characters";
}

/** Counts no further than needed: the text may be as long as a message. */
function isLonger(text: string, max: number): boolean {
  // A code point takes one or two units of a string.
  if (text.length <= max) return false;
  if (text.length > 2 * max) return true;
  return Array.from(text).length > max;
}
