-- expect: FAIL
-- item: 2
CREATE FUNCTION refund_task(p_task uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_user uuid;
  v_cost integer;
BEGIN
  SELECT user_id, quota_cost INTO v_user, v_cost FROM tasks WHERE id = p_task;
  UPDATE users SET quota_remaining = quota_remaining + v_cost WHERE id = v_user;
END;
$$;
