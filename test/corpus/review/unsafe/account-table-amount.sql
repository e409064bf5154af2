-- expect: BG002
CREATE FUNCTION spend(p_user uuid, p_units int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM credits WHERE user_id = p_user AND amount >= p_units) THEN
    RAISE EXCEPTION 'not enough';
  END IF;
  UPDATE credits SET amount = credits.amount - p_units WHERE credits.user_id = p_user;
END $$;
