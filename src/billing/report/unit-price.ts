/** Unit prices: what a vendor charges for a unit from a moment on. History is kept: a price is never changed. */
import { Refusal } from "../refusal.ts";
import type { MicroYuan, UnitPrice, UnitPriceTerms } from "./cost.ts";

/** The price that was in force; undefined when there was none. */
export function priceAt(prices: readonly UnitPrice[], timeMs: number): UnitPrice | undefined {
  let found: UnitPrice | undefined;
  for (const price of prices) {
    if (price.effectiveTimeMs > timeMs) continue;
    if (found === undefined || price.effectiveTimeMs > found.effectiveTimeMs) found = price;
  }
  return found;
}

/** What so many units cost, rounded half up to a micro-yuan. */
export function amountOf(
  quantity: bigint,
  { priceMicroYuan, perQuantity }: Pick<UnitPrice, "priceMicroYuan" | "perQuantity">,
): MicroYuan {
  return (quantity * priceMicroYuan * 2n + perQuantity) / (perQuantity * 2n);
}

/** The number of the new price. @throws Refusal UNIT_PRICE_NOT_LATER */
export function nextVersion(terms: UnitPriceTerms, last: UnitPrice | undefined): number {
  if (last === undefined) return 1;
  if (terms.effectiveTimeMs > last.effectiveTimeMs) return last.version + 1;
  const { vendor, service } = terms;
  const message = "a price of this service begins then or later, and prices are not rewritten";
  throw new Refusal("UNIT_PRICE_NOT_LATER", message, { vendor, service });
}
