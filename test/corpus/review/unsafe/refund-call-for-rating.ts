// expect: BG008
import { billing } from "@acme/billing";
export async function onRated(taskId: string, rating: number) {
  if (rating <= 2) {
    await billing.refundQuota(taskId);
  }
}
