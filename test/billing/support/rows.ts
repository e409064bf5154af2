/** Keeps what a batch writes, column by column as the store's statements do. */
import assert from "node:assert/strict";
import { EVENTS, type EventType } from "../../../src/billing/event-types.ts";
import type { Account } from "../../../src/billing/quota/account.ts";
import type { Reservation } from "../../../src/billing/quota/reservation.ts";
import {
  operationKey,
  sourceKey,
  type BatchFacts,
  type BatchWrites,
} from "../../../src/billing/quota/serve.ts";
import type { World } from "./world.ts";

/** Writes a batch to the rows of a world, and fails where the rows are not what was decided. */
export function keep(world: World, facts: BatchFacts, writes: BatchWrites): void {
  keepOperations(world, writes);
  keepUsers(world, facts, writes);
  keepLots(world, writes);
  keepReservations(world, writes);
  keepOrders(world, writes);
  keepMembershipSteps(world, writes);
  for (const account of facts.accounts.values()) assertKept(world, account);
}

function keepOperations(world: World, writes: BatchWrites): void {
  for (const { operation, rows } of writes.operations) {
    const { operationId, method } = operation;
    world.operations.push(operation);
    for (const row of rows) world.logs.push({ ...row, operationId, createTimeMs: world.nowMs });
    if (operation.idempotencyKey === null) continue;
    // Keys are unique within the log, and within the operations that move nothing.
    const moves = rows.length > 0;
    const before = world.methodsMove.get(method) ?? moves;
    assert.equal(moves, before, `${method} always leaves log rows, or never does`);
    world.methodsMove.set(method, moves);
    const key = operationKey(operation.method, operation.idempotencyKey);
    assert.ok(!world.operationsByKey.has(key), `the key is unique: ${key}`);
    world.operationsByKey.set(key, operation);
  }
}

function keepUsers(world: World, facts: BatchFacts, writes: BatchWrites): void {
  for (const { user } of facts.accounts.values()) {
    const { userId, available, held, logSequence, ...profile } = user;
    const isNew = !world.users.has(userId);
    // A registration that was refused, or only previewed, leaves no row.
    if (isNew && user.state === "NEW") continue;
    const blank = { ...user, available: 0n, held: 0n, logSequence: 0n, state: "NEW" as const };
    const row = world.users.get(userId) ?? blank;
    if (writes.profiles.has(userId)) Object.assign(row, profile);
    if (writes.balances.has(userId)) Object.assign(row, { available, held, logSequence });
    world.users.set(userId, row);
  }
}

function keepLots(world: World, writes: BatchWrites): void {
  for (const lot of writes.newLots.values()) {
    assert.ok(!world.lots.has(lot.grantId), `a new lot is new: ${lot.grantId}`);
    for (const other of world.lots.values()) {
      assert.notEqual(sourceOf(other), sourceOf(lot), "a source gives its quota once");
    }
    world.lots.set(lot.grantId, { ...lot });
    const source = world.sources.get(sourceOf(lot));
    if (source) world.sources.set(sourceOf(lot), { ...source, usedBy: lot.grantId });
  }
  const rows = writes.operations.flatMap((operation) => operation.rows);
  const moved = new Set(rows.map(({ grantId }) => grantId));
  for (const { grantId, remaining, expireTimeMs, state } of writes.changedLots.values()) {
    const row = world.lots.get(grantId);
    assert.ok(row, `a changed lot exists: ${grantId}`);
    assert.ok(!writes.newLots.has(grantId), `a new lot is written once: ${grantId}`);
    assert.ok(moved.has(grantId), `only lots that moved are written: ${grantId}`);
    Object.assign(row, { remaining, expireTimeMs, state });
  }
}

function sourceOf({ sourceKind, sourceId }: { sourceKind: string; sourceId: string }): string {
  return sourceKey({ kind: sourceKind, id: sourceId });
}

function keepReservations(world: World, writes: BatchWrites): void {
  for (const reservation of writes.newReservations.values()) {
    const { reservationId } = reservation;
    assert.ok(!world.reservations.has(reservationId), `a new hold is new: ${reservationId}`);
    world.reservations.set(reservationId, reservation);
  }
  for (const changed of writes.changedReservations.values()) {
    const row = world.reservations.get(changed.reservationId);
    assert.ok(row, `a changed reservation exists: ${changed.reservationId}`);
    world.reservations.set(changed.reservationId, { ...row, ...changeableOf(changed) });
  }
}

/** The columns of a reservation that its UPDATE sets. */
function changeableOf(changed: Reservation): Partial<Reservation> {
  return {
    committedAmount: changed.committedAmount,
    refundedAmount: changed.refundedAmount,
    state: changed.state,
    eligibleForRefund: changed.eligibleForRefund,
    allocations: changed.allocations,
    countsForLimits: changed.countsForLimits,
    expireTimeMs: changed.expireTimeMs,
    commitTimeMs: changed.commitTimeMs,
    refundTimeMs: changed.refundTimeMs,
    refundReason: changed.refundReason,
    failedStep: changed.failedStep,
    refundDetail: changed.refundDetail,
  };
}

function keepOrders(world: World, writes: BatchWrites): void {
  const { newOrders, changedOrders, newRefunds, changedRefunds, payments, steps, events } = writes;
  for (const order of [...newOrders.values(), ...changedOrders.values()]) {
    const file = world.orders.get(order.orderId) ?? { order, payments: [], refunds: [] };
    assert.equal(world.orders.has(order.orderId), changedOrders.has(order.orderId), "new orders are new");
    world.orders.set(order.orderId, { ...file, order });
  }
  for (const refund of [...newRefunds.values(), ...changedRefunds.values()]) {
    const file = world.orders.get(refund.orderId)!;
    const others = file.refunds.filter(({ refundId }) => refundId !== refund.refundId);
    const isNew = others.length === file.refunds.length;
    assert.equal(isNew, newRefunds.has(refund.refundId), "new refunds are new");
    world.orders.set(refund.orderId, { ...file, refunds: [...others, refund] });
  }
  for (const payment of payments) {
    const all = [...world.orders.values()].flatMap((file) => file.payments);
    const doubled = all.some(({ transactionId }) => transactionId === payment.transactionId);
    assert.ok(!doubled, "a payment is booked once");
    const file = world.orders.get(payment.orderId)!;
    world.orders.set(payment.orderId, { ...file, payments: [...file.payments, payment] });
  }
  world.steps.push(...steps);
  for (const { type, payload } of events) {
    assert.deepEqual(Object.keys(payload), EVENTS[type as EventType], `the names in ${type}`);
  }
  world.events.push(...events);
}

function keepMembershipSteps(world: World, { membershipSteps }: BatchWrites): void {
  for (const step of membershipSteps) {
    const before = world.membershipSteps.filter(({ userId }) => userId === step.userId);
    assert.equal(step.sequence, before.length + 1, "the record of a membership has no gap");
    const last = before.at(-1);
    assert.equal(step.fromState, last?.toState ?? "NONE", "each step begins where the last one ended");
    world.membershipSteps.push(step);
  }
}

function assertKept(world: World, account: Account): void {
  const { user } = account;
  if (user.state === "NEW") {
    assert.equal(account.lots.length, 0, "nobody who isn't registered has a lot");
    assert.equal(account.reservations.size, 0, "nobody who isn't registered has a hold");
    return;
  }
  assert.deepEqual(world.users.get(user.userId), user, "the user's row is what was decided");
  for (const lot of account.lots) {
    assert.deepEqual(world.lots.get(lot.grantId), lot, "the lot's row is what was decided");
  }
  for (const reservation of account.reservations.values()) {
    const row = world.reservations.get(reservation.reservationId);
    assert.deepEqual(row, reservation, "the reservation's row is what was decided");
  }
}
