/** RefundQuota may name a task without its user: this finds out whose it is. */
import type { ReservationId, TaskId, UserId } from "../id.ts";
import { Refusal } from "../refusal.ts";
import type { QuotaReader } from "./reader.ts";
import { lawfulReason, refundQuota, type RefundQuota } from "./refund-quota.ts";

/** A refund as it was asked for. */
export interface RefundRequest extends Omit<RefundQuota, "target"> {
  readonly target:
    | { readonly reservationId: ReservationId }
    /** Null: whoever has reservations under the task id, if that is one user. */
    | { readonly taskId: TaskId; readonly userId: UserId | null };
}

export interface AddressedRefund {
  readonly input: RefundQuota;
  /** Whose account it is about; undefined when only the reservation is known. */
  readonly userId: UserId | undefined;
}

/**
 * Says whose account a refund is about. Refused as SUBJECTIVE_REFUND_FORBIDDEN, which comes before
 * all that depends on what is stored, RESERVATION_NOT_FOUND, TASK_AMBIGUOUS.
 */
export async function addressRefund(
  reader: TaskOwners,
  request: RefundRequest,
  idempotencyKey: string | null,
): Promise<AddressedRefund> {
  lawfulReason(request);
  const { target } = request;
  if (!("taskId" in target)) return { input: { ...request, target }, userId: undefined };
  const { taskId } = target;
  const userId = target.userId ?? (await ownerOf(reader, taskId, idempotencyKey));
  return { input: { ...request, target: { taskId, userId } }, userId };
}

type TaskOwners = Pick<QuotaReader, "findTaskOwners" | "findKeyOwner">;

async function ownerOf(
  reader: TaskOwners,
  taskId: TaskId,
  idempotencyKey: string | null,
): Promise<UserId> {
  const owners = await reader.findTaskOwners(taskId);
  const [owner] = owners;
  if (owner === undefined) {
    const message = "no reservation was made for this task";
    throw new Refusal("RESERVATION_NOT_FOUND", message, { taskId });
  }
  if (owners.length > 1) {
    // The task id may have become ambiguous since: who was meant the first time is meant again.
    const first = idempotencyKey && (await reader.findKeyOwner(refundQuota.method, idempotencyKey));
    if (first) return first;
    const message = "several users have reservations under this task id; say which user";
    throw new Refusal("TASK_AMBIGUOUS", message, { taskId });
  }
  return owner;
}
