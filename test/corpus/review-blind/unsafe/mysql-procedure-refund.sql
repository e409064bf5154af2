-- expect: FAIL
-- item: 2
DELIMITER //
CREATE PROCEDURE refund_quota(IN p_task BIGINT)
BEGIN
  DECLARE v_user BIGINT;
  DECLARE v_cost INT;
  DECLARE v_refunded TINYINT;
  SELECT user_id, quota_cost, refunded INTO v_user, v_cost, v_refunded FROM tasks WHERE id = p_task;
  IF v_refunded = 0 THEN
    UPDATE users SET quota_remaining = quota_remaining + v_cost WHERE id = v_user;
    UPDATE tasks SET refunded = 1 WHERE id = p_task;
  END IF;
END//
DELIMITER ;
