/** The money of merchants: what the fund-flow bill lists, and what refunds are paid from. */
import type { Random } from "./random.ts";
import { compactTime } from "./time.ts";

/** WeChat Pay keeps 0.6 %, per mille. */
const FEE_PER_MILLE = 6n;

/** The fee for an amount, rounded half up to the fen. */
export function feeFen(amountFen: bigint): bigint {
  return (amountFen * FEE_PER_MILLE + 500n) / 1_000n;
}

export interface LedgerEntry {
  readonly atMs: number;
  readonly mchid: string;
  /** transaction_id or refund_id. */
  readonly businessNo: string;
  readonly flowNo: string;
  readonly name: "交易" | "扣除交易手续费" | "退款" | "退款关闭" | "充值" | "提现";
  /** Above zero for income. */
  readonly amountFen: bigint;
  readonly balanceFen: bigint;
  readonly remark: string;
  readonly voucher: string;
}

export type Movement = Omit<LedgerEntry, "atMs" | "flowNo" | "balanceFen">;

export class Ledger {
  readonly entries: LedgerEntry[] = [];
  readonly #random: Random;
  readonly #balances = new Map<string, bigint>();

  constructor(random: Random) {
    this.#random = random;
  }

  balanceFen(mchid: string): bigint {
    return this.#balances.get(mchid) ?? 0n;
  }

  post(movement: Movement, atMs: number): void {
    if (movement.amountFen === 0n) return;
    const balanceFen = this.balanceFen(movement.mchid) + movement.amountFen;
    this.#balances.set(movement.mchid, balanceFen);
    const flowNo = `${compactTime(atMs)}${this.#random.digits(14)}`;
    this.entries.push({ ...movement, atMs, flowNo, balanceFen });
  }

  /** Money is put in or taken out until the balance is right. */
  setBalance(mchid: string, fen: bigint, atMs: number): void {
    const amountFen = fen - this.balanceFen(mchid);
    const name = amountFen > 0n ? "充值" : "提现";
    const businessNo = `10${this.#random.digits(26)}`;
    this.post({ mchid, businessNo, name, amountFen, remark: name, voucher: businessNo }, atMs);
  }
}
