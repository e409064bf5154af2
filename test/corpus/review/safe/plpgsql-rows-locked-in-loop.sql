-- expect: none
CREATE FUNCTION burn(p_user uuid, p_units int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE lot record;
BEGIN
  FOR lot IN SELECT id, credits FROM credit_lots WHERE user_id = p_user ORDER BY expires_at FOR UPDATE LOOP
    IF lot.credits >= p_units THEN
      UPDATE credit_lots SET credits = credits - p_units WHERE id = lot.id;
      RETURN;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'not enough';
END $$;
