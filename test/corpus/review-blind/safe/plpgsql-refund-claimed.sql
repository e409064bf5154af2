-- expect: none
-- item: 2
CREATE FUNCTION refund_task(p_task uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_user uuid;
  v_cost integer;
BEGIN
  UPDATE tasks SET refunded = true
   WHERE id = p_task AND refunded = false
   RETURNING user_id, quota_cost INTO v_user, v_cost;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  UPDATE users SET quota_remaining = quota_remaining + v_cost WHERE id = v_user;
END;
$$;
