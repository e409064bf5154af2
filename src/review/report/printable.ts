/**
 * Text from reviewed files, made safe to show: hostile code may try to steer the terminal or the reader's
 * eye.
 */

/** Control characters, and those that turn the direction of reading or take no room. */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex -- these are what must not come through
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Each as its number, visible: `\u202e`. */
export function printable(text: string): string {
  return text.replaceAll(UNSAFE, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** On one line. */
export function oneLine(text: string): string {
  return printable(text.replaceAll(/\s+/g, " ").trim());
}
