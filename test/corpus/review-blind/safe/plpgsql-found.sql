-- expect: none
-- item: 1
CREATE FUNCTION spend_credits(p_user uuid, p_amount integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE profiles SET credits = credits - p_amount
   WHERE id = p_user AND credits >= p_amount;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'insufficient credits';
  END IF;
END;
$$;
