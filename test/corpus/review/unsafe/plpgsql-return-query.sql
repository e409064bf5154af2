-- expect: BG002
CREATE FUNCTION burn(p_user uuid, p_units int) RETURNS SETOF int LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY UPDATE users SET credits = credits - p_units WHERE id = p_user RETURNING credits;
END $$;
