/** What happened, as rows, in statements of a megabyte: ledgers as they grow, what changes when it is final. */
import type { BatchWrites } from "../../billing/quota/serve.ts";
import type { Account } from "../../billing/quota/account.ts";
import type { Reservation } from "../../billing/quota/reservation.ts";
import { timeText, type Cell, type HotTable } from "../../store/cell.ts";
import { GRANTS, lotCells } from "../../store/grant-rows.ts";
import { LOGS, OPERATIONS, logCells, operationCells } from "../../store/ledger-rows.ts";
import { MEMBERSHIP_STEPS, membershipStepCells } from "../../store/membership-rows.ts";
import {
  ORDERS,
  PAYMENTS,
  PAYMENT_NUMBERS,
  REFUNDS,
  STEPS,
  orderCells,
  paymentCells,
  paymentNumberCells,
  refundCells,
  stepCells,
} from "../../store/order-rows.ts";
import { RESERVATIONS, reservationCells } from "../../store/reservation-rows.ts";
import type { Sealer } from "../../store/sealer.ts";
import { literal } from "../../store/sql.ts";
import { USERS, userCells } from "../../store/user-rows.ts";

/** Below what a server takes in one packet (16 MiB by default on MariaDB), whatever the characters are. */
const TEXT_MAX = 1_000_000;

export interface Records {
  /** Rows of `quota_logs` so far. */
  readonly movements: number;
  keep(writes: BatchWrites, nowMs: number): void;
  add(table: HotTable, cells: readonly Cell[]): void;
  /** A reservation that nothing will happen to any more. */
  addReservation(reservation: Reservation): void;
  /** Members and all of theirs that could still have changed. */
  addAccounts(accounts: readonly Account[]): void;
  /** Statements that are full; with `all`, those that aren't too. */
  take(all: boolean): string[];
}

export function createRecords(sealer: Sealer): Records {
  const open = new Map<HotTable, { readonly rows: string[]; length: number }>();
  const full: string[] = [];
  let movements = 0;
  const close = (table: HotTable) => {
    const rows = open.get(table)?.rows ?? [];
    open.delete(table);
    if (rows.length === 0) return;
    full.push(`insert into ${table.name} (${table.columns.join(",")}) values ${rows.join(",")}`);
  };
  const add = (table: HotTable, cells: readonly Cell[]) => {
    const text = `(${cells.map(literal).join(",")})`;
    let bundle = open.get(table);
    if (bundle === undefined) open.set(table, (bundle = { rows: [], length: 0 }));
    bundle.rows.push(text);
    bundle.length += text.length;
    if (bundle.length >= TEXT_MAX) close(table);
  };
  return {
    get movements() {
      return movements;
    },
    add,
    keep(writes, nowMs) {
      const now = timeText(nowMs);
      for (const { operation, rows } of writes.operations) {
        movements += rows.length;
        if (rows.length === 0) add(OPERATIONS, operationCells(operation, now));
        for (const cells of logCells(operation, rows, now)) add(LOGS, cells);
      }
      for (const payment of writes.payments) {
        add(PAYMENTS, paymentCells(payment, sealer));
        add(PAYMENT_NUMBERS, paymentNumberCells(payment, sealer));
      }
      for (const step of writes.steps) add(STEPS, stepCells(step));
      for (const step of writes.membershipSteps) add(MEMBERSHIP_STEPS, membershipStepCells(step));
    },
    addReservation: (reservation) => add(RESERVATIONS, reservationCells(reservation)),
    addAccounts(accounts) {
      for (const { user } of accounts) add(USERS, userCells(user));
      for (const { lots } of accounts) for (const lot of lots) add(GRANTS, lotCells(lot));
      const files = accounts.flatMap(({ orders }) => [...orders.values()]);
      for (const cells of files.map(({ order }) => orderCells(order, sealer)).sort(byFirst))
        add(ORDERS, cells);
      const refunds = files.flatMap((file) => file.refunds.map(refundCells));
      for (const cells of refunds.sort(byFirst)) add(REFUNDS, cells);
      for (const { reservations } of accounts) {
        for (const reservation of reservations.values())
          add(RESERVATIONS, reservationCells(reservation));
      }
    },
    take(all) {
      if (all) for (const table of open.keys()) close(table);
      return full.splice(0);
    },
  };
}

function byFirst(left: readonly Cell[], right: readonly Cell[]): number {
  return left[0]! < right[0]! ? -1 : 1;
}
