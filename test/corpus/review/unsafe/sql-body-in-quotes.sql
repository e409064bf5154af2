-- expect: BG002
CREATE FUNCTION burn(p_user int, p_units int) RETURNS void AS
'BEGIN UPDATE users SET credits = credits - p_units WHERE id = p_user; END'
LANGUAGE plpgsql;
