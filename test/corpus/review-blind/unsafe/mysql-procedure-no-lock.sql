-- expect: FAIL
-- item: 1
DELIMITER $$
CREATE PROCEDURE deduct_quota(IN p_user_id BIGINT, IN p_cost INT)
BEGIN
  DECLARE v_remaining INT;
  START TRANSACTION;
  SELECT quota_remaining INTO v_remaining FROM users WHERE id = p_user_id;
  IF v_remaining < p_cost THEN
    ROLLBACK;
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota exhausted';
  ELSE
    UPDATE users SET quota_remaining = v_remaining - p_cost WHERE id = p_user_id;
    INSERT INTO quota_logs (user_id, type, amount) VALUES (p_user_id, 'consume', p_cost);
    COMMIT;
  END IF;
END$$
DELIMITER ;
