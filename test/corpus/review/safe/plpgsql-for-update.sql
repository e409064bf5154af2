-- expect: none
CREATE OR REPLACE FUNCTION deduct_credits(p_user uuid, p_amount int) RETURNS boolean AS $$
DECLARE
  v_credits int;
BEGIN
  SELECT credits INTO v_credits FROM profiles WHERE id = p_user FOR UPDATE;
  IF v_credits IS NULL OR v_credits < p_amount THEN
    RETURN false;
  END IF;
  UPDATE profiles SET credits = credits - p_amount WHERE id = p_user;
  RETURN true;
END;
$$ LANGUAGE plpgsql SECURITY DEFINER;
