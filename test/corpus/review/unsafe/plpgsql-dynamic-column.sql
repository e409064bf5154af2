-- expect: BG092
CREATE FUNCTION burn(p_user uuid, p_column text, p_units int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
  statement := format('UPDATE user_credits SET %I = %I - $1 WHERE user_id = $2', p_column, p_column);
  EXECUTE statement USING p_units, p_user;
END $$;
