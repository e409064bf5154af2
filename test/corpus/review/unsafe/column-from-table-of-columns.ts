// expect: BG001
import { prisma } from "./prisma";
const COLUMN_OF = { picture: "pictureCredits", film: "filmCredits" } as const;
export async function pay(accountId: string, kind: "picture" | "film", units: number) {
  await prisma.account.update({ where: { id: accountId }, data: { [COLUMN_OF[kind]]: { decrement: units } } });
}
