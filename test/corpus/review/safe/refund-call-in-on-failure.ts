// expect: none
import { billing } from "@acme/billing";
export async function runStep(taskId: string, step: () => Promise<void>) {
  try {
    await step();
  } catch (error) {
    await billing.refundQuota(taskId);
    throw error;
  }
}
