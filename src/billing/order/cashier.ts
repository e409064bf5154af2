/**
 * What needs the provider: each step is a decision under the user's lock, then a word with the provider,
 * then a decision again, so that a fault in between leaves a state from which the next look goes on. All of it
 * can be done again at any time, by anybody.
 */
import type { CashierParts } from "./asking.ts";
import { closing } from "./close.ts";
import { refunding } from "./pay-back.ts";
import { selling } from "./sell.ts";
import { settling } from "./settle.ts";

export type Cashier = ReturnType<typeof createCashier>;

export function createCashier(parts: CashierParts) {
  return { ...selling(parts), ...closing(parts), ...refunding(parts), ...settling(parts) };
}
