// expect: none
// item: 1
import postgres from "postgres";

const sql = postgres(process.env.DATABASE_URL ?? "");

export async function consumeTokens(userId: string, tokens: number) {
  return sql.begin(async (tx) => {
    const [user] = await tx`SELECT token_balance FROM users WHERE id = ${userId} FOR UPDATE`;
    if (user.token_balance < tokens) throw new Error("out of tokens");
    await tx`UPDATE users SET token_balance = ${user.token_balance - tokens} WHERE id = ${userId}`;
  });
}
