-- expect: BG002
CREATE FUNCTION burn(p_user uuid, p_kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE units int;
BEGIN
  CASE p_kind
    WHEN 'picture' THEN units := 1;
    WHEN 'film' THEN units := 5;
    ELSE RAISE EXCEPTION 'unknown kind';
  END CASE;
  UPDATE users SET credits = credits - units WHERE id = p_user;
END $$;
