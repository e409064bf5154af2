-- expect: BG003
CREATE FUNCTION bid(p_auction uuid, p_user uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_status text; v_credits int;
BEGIN
  SELECT status INTO v_status FROM auctions WHERE id = p_auction FOR UPDATE;
  IF v_status IS NULL OR v_status NOT IN ('active') THEN RETURN false; END IF;
  SELECT credits INTO v_credits FROM profiles WHERE id = p_user;
  IF v_credits < 1 THEN RETURN false; END IF;
  UPDATE profiles SET credits = credits - 1 WHERE id = p_user;
  RETURN true;
END;
$$;
