-- expect: none
-- item: 1
DELIMITER $$
CREATE PROCEDURE deduct_quota(IN p_user_id BIGINT, IN p_cost INT)
BEGIN
  DECLARE v_remaining INT;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION
  BEGIN
    ROLLBACK;
    RESIGNAL;
  END;
  START TRANSACTION;
  SELECT quota_remaining INTO v_remaining FROM users WHERE id = p_user_id FOR UPDATE;
  IF v_remaining < p_cost THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'quota exhausted';
  END IF;
  UPDATE users SET quota_remaining = v_remaining - p_cost WHERE id = p_user_id;
  INSERT INTO quota_logs (user_id, type, amount) VALUES (p_user_id, 'consume', p_cost);
  COMMIT;
END$$
DELIMITER ;
