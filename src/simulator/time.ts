/** WeChat Pay tells all times as Beijing time, which has had no summer time since 1991. */

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const OFFSET_MS = 8 * HOUR_MS;
const RFC3339 = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const DAY = /^\d{4}-\d\d-\d\d$/;

/** `2018-06-08T10:34:56+08:00` */
export function rfc3339(ms: number): string {
  return `${wall(ms).slice(0, 19)}+08:00`;
}

/** `2018-06-08 10:34:56`, as bills print it. */
export function billTime(ms: number): string {
  return wall(ms).slice(0, 19).replace("T", " ");
}

/** `20180608103456` */
export function compactTime(ms: number): string {
  return wall(ms).slice(0, 19).replaceAll(/\D/g, "");
}

/** `2018-06-08`: the calendar day in Beijing. */
export function dayOf(ms: number): string {
  return wall(ms).slice(0, 10);
}

/** The moment at which a day begins, null when there is no such day. */
export function dayStartMs(day: string): number | null {
  if (!DAY.test(day)) return null;
  const ms = Date.parse(`${day}T00:00:00+08:00`);
  return Number.isNaN(ms) || dayOf(ms) !== day ? null : ms;
}

/** The moment that a full date-time with its zone names; null for any other text. */
export function parseRfc3339(text: string): number | null {
  const day = RFC3339.exec(text)?.[1];
  if (day === undefined || dayStartMs(day) === null) return null;
  return Date.parse(text);
}

function wall(ms: number): string {
  return new Date(ms + OFFSET_MS).toISOString();
}
