// expect: BG092
import { supabase } from "./supabase";
export async function spend(userId: string) {
  const { error } = await supabase.rpc("deduct_credits", { p_user: userId, p_amount: 1 });
  if (error) throw error;
}
