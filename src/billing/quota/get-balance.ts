/** GetBalance: what a user has now. */
import type { UserId } from "../id.ts";
import type { Balance } from "./account.ts";
import { userNotFound } from "./check-quota.ts";
import type { QuotaReader } from "./reader.ts";

/** Refused as USER_NOT_FOUND. */
export async function getBalance(
  reader: Pick<QuotaReader, "findBalance">,
  userId: UserId,
): Promise<Balance> {
  const found = await reader.findBalance(userId);
  if (found === undefined) throw userNotFound(userId);
  return found;
}
