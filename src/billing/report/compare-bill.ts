/** CompareVendorCosts: what was metered here against what a vendor billed. It moves no money. */
import { Refusal } from "../refusal.ts";
import type { CostReader, MicroYuan, ServiceSums, VendorBill } from "./cost.ts";

export type ComparisonState = "MATCHED" | "AMOUNT_DIFFERS" | "MISSING_HERE" | "MISSING_THERE";

export interface Comparison extends ServiceSums {
  readonly state: ComparisonState;
}

export interface BillComparison {
  readonly bill: VendorBill;
  readonly comparisons: readonly Comparison[];
}

const PER_MILLE = 1_000n;

/** @param tolerance thousandths of the billed amount that don't count as a difference */
export function compare(sums: ServiceSums, tolerance: bigint): ComparisonState {
  if (sums.meteredCount === 0) return "MISSING_HERE";
  if (sums.billedCount === 0) return "MISSING_THERE";
  const allowed = magnitude(sums.billed) * tolerance;
  const isEqual = magnitude(sums.billed - sums.metered) * PER_MILLE <= allowed;
  return isEqual ? "MATCHED" : "AMOUNT_DIFFERS";
}

function magnitude(amount: MicroYuan): MicroYuan {
  return amount < 0n ? -amount : amount;
}

/** @throws Refusal VENDOR_BILL_NOT_FOUND */
export async function compareBill(
  reader: CostReader,
  asked: { readonly vendor: string; readonly month: string; readonly tolerance: bigint },
): Promise<BillComparison> {
  const { vendor, month, tolerance } = asked;
  const found = await reader.compareBill(vendor, month);
  if (found === undefined) {
    const message = "no bill of this vendor was imported for this month";
    throw new Refusal("VENDOR_BILL_NOT_FOUND", message, { vendor, month });
  }
  const comparisons = found.sums.map((sums) => ({ ...sums, state: compare(sums, tolerance) }));
  return { bill: found.bill, comparisons };
}
