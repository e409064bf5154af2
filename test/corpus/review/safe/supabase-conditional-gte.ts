// expect: BG018
import { supabase } from "./supabase";
export async function spend(userId: string, current: number) {
  const { data } = await supabase.from("profiles").update({ credits: current - 1 }).eq("id", userId).eq("credits", current).select();
  if (!data || data.length === 0) throw new Error("conflict");
}
