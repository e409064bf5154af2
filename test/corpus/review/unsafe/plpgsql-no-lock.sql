-- expect: BG002
CREATE OR REPLACE FUNCTION deduct_credits(p_user uuid, p_amount int) RETURNS boolean AS $$
DECLARE
  v_credits int;
BEGIN
  SELECT credits INTO v_credits FROM profiles WHERE id = p_user;
  IF v_credits < p_amount THEN
    RAISE EXCEPTION 'insufficient credits';
  END IF;
  UPDATE profiles SET credits = credits - p_amount WHERE id = p_user;
  RETURN true;
END;
$$ LANGUAGE plpgsql;
