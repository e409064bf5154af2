-- expect: BG018
CREATE FUNCTION spend(p_user uuid, p_units int) RETURNS TABLE (credits_left int) LANGUAGE sql AS $$
  UPDATE profiles SET credits = credits - p_units
  WHERE id = p_user AND credits >= p_units
  RETURNING credits;
$$;
