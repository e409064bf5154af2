// expect: BG001
import { supabase } from "./supabase";
export async function spend(userId: string) {
  const { data: profile } = await supabase.from("profiles").select("credits").eq("id", userId).single();
  if (!profile || profile.credits < 1) throw new Error("no credits");
  await supabase.from("profiles").update({ credits: profile.credits - 1 }).eq("id", userId);
}
