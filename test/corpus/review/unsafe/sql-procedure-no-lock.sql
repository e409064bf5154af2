-- expect: BG002
DELIMITER //
CREATE PROCEDURE deduct_quota(IN p_user BIGINT, IN p_cost INT)
BEGIN
  DECLARE v_quota INT;
  START TRANSACTION;
  -- FOR UPDATE would be needed here
  SELECT quota_remaining INTO v_quota FROM users WHERE id = p_user;
  IF v_quota >= p_cost THEN
    UPDATE users SET quota_remaining = v_quota - p_cost WHERE id = p_user;
  END IF;
  COMMIT;
END//
DELIMITER ;
