// expect: BG092
import { Account } from "./models";
export async function lowerCredits(accountId: string, field: string) {
  const account = await Account.findByPk(accountId);
  account[field] -= 1;
  await account.save();
}
