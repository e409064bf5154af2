-- expect: BG007
CREATE FUNCTION refund_credits(p_user uuid, p_amount int) RETURNS void AS $$
BEGIN
  UPDATE profiles SET credits = credits + p_amount WHERE id = p_user;
END;
$$ LANGUAGE plpgsql;
