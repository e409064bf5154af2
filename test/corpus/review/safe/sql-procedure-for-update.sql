-- expect: none
DELIMITER $$
CREATE PROCEDURE deduct_quota(IN p_user BIGINT, IN p_cost INT)
BEGIN
  DECLARE v_quota INT;
  START TRANSACTION;
  SELECT quota_remaining INTO v_quota FROM users WHERE id = p_user FOR UPDATE;
  IF v_quota < p_cost THEN
    ROLLBACK;
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no quota';
  END IF;
  UPDATE users SET quota_remaining = quota_remaining - p_cost WHERE id = p_user;
  INSERT INTO quota_logs (user_id, type, amount) VALUES (p_user, 'consume', p_cost);
  COMMIT;
END$$
DELIMITER ;
