// expect: BG001
import { supabaseAdmin } from "./supabase";
export async function use(userId: string) {
  const { data } = await supabaseAdmin.from("subscriptions").select("tokens_used, token_limit").eq("user_id", userId).maybeSingle();
  if (data.tokens_used >= data.token_limit) return false;
  await supabaseAdmin.from("subscriptions").update({ tokens_used: data.tokens_used + 1 }).eq("user_id", userId);
  return true;
}
