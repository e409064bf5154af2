-- expect: FAIL
-- item: 1
CREATE OR REPLACE FUNCTION spend_credits(p_user uuid, p_amount integer)
RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
  v_credits integer;
BEGIN
  SELECT credits INTO v_credits FROM profiles WHERE id = p_user;
  IF v_credits IS NULL OR v_credits < p_amount THEN
    RETURN false;
  END IF;
  UPDATE profiles SET credits = v_credits - p_amount WHERE id = p_user;
  RETURN true;
END;
$$;
