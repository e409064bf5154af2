/** GetApproval: one approval as it is now. */
import type { ApprovalId } from "../id.ts";
import { approvalNotFound, type Approval } from "./approval.ts";
import type { CatalogReader } from "./books.ts";

/** Refused as APPROVAL_NOT_FOUND. */
export async function getApproval(
  reader: Pick<CatalogReader, "findApproval">,
  approvalId: ApprovalId,
): Promise<Approval> {
  const approval = await reader.findApproval(approvalId);
  if (approval === undefined) throw approvalNotFound(approvalId);
  return approval;
}
