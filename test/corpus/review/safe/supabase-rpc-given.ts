// expect: none
// file: deduct.sql
CREATE FUNCTION deduct_credits(p_user uuid, p_amount int) RETURNS boolean AS $$
DECLARE v int;
BEGIN
  SELECT credits INTO v FROM profiles WHERE id = p_user FOR UPDATE;
  IF v < p_amount THEN RETURN false; END IF;
  UPDATE profiles SET credits = v - p_amount WHERE id = p_user;
  RETURN true;
END;
$$ LANGUAGE plpgsql;
// file: spend.ts
import { supabase } from "./supabase";
export async function spend(userId: string) {
  const { data, error } = await supabase.rpc("deduct_credits", { p_user: userId, p_amount: 1 });
  if (error || !data) throw new Error("no credits");
}
