/** Numbers of reports as people read them. Whole numbers only: no amount goes through a float to become text. */
import type { FigureType } from "../billing/report/document.ts";
import { PHRASES, type Language } from "./words.ts";

/** Digits after the point of the unit that people read. */
const DECIMALS: Readonly<Record<FigureType, number>> = {
  FEN: 2,
  MICRO_YUAN: 6,
  COUNT: 0,
  QUOTA: 0,
  PER_MILLE: 1,
};

/** Yuan, per cent or whole numbers, with a point and without marks between thousands: `-1234.05`. */
export function plain(value: bigint, type: FigureType): string {
  const decimals = DECIMALS[type];
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const sign = value < 0n ? "-" : "";
  return decimals === 0 ? sign + whole : `${sign}${whole}.${digits.slice(-decimals)}`;
}

/** As `plain`, with a comma between thousands. Vendors' costs are shown to four digits, the last rounded half up. */
export function readable(value: bigint, type: FigureType): string {
  const [amount, decimals] =
    type === "MICRO_YUAN" ? [roundedTo4(value), 4] : [value, DECIMALS[type]];
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals).replaceAll(/\B(?=(\d{3})+$)/g, ",");
  const sign = amount < 0n ? "−" : "";
  return decimals === 0 ? sign + whole : `${sign}${whole}.${digits.slice(-decimals)}`;
}

/** Ten-thousandths of a yuan. */
function roundedTo4(microYuan: bigint): bigint {
  const magnitude = ((microYuan < 0n ? -microYuan : microYuan) + 50n) / 100n;
  return microYuan < 0n ? -magnitude : magnitude;
}

export function unitOf(type: FigureType, language: Language): string {
  const units = {
    FEN: PHRASES.yuan,
    MICRO_YUAN: PHRASES.yuan,
    COUNT: PHRASES.count,
    QUOTA: PHRASES.quota,
    PER_MILLE: PHRASES.percent,
  } as const;
  return units[type][language];
}

/** RFC 3339 in Asia/Shanghai would hide the offset from some readers: this names it. */
export function momentText(ms: number): string {
  return `${new Date(ms + 28_800_000).toISOString().slice(0, 19).replace("T", " ")} UTC+8`;
}
