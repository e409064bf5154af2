// expect: BG016
import { billing } from "@acme/billing";
export async function onFailed(taskId: string) {
  await billing.refundQuota(taskId).catch(() => {});
}
