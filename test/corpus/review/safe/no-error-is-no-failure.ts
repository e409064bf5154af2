// expect: none
import { supabase } from "./supabase";
export async function grantMonth(userId: string, units: number) {
  const { data: profile, error } = await supabase.from("profiles").select("credits").eq("id", userId).single();
  if (!error && profile) {
    await supabase.from("profiles").update({ credits: profile.credits + units }).eq("id", userId);
  }
}
