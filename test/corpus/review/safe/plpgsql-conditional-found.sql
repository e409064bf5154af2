-- expect: BG018
CREATE FUNCTION deduct_credits(p_user uuid, p_amount int) RETURNS void LANGUAGE plpgsql AS $fn$
BEGIN
  UPDATE profiles SET credits = credits - p_amount WHERE id = p_user AND credits >= p_amount;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'insufficient credits';
  END IF;
END;
$fn$;
