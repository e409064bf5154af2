-- expect: none
-- item: 1
DELIMITER //
CREATE PROCEDURE take_quota(IN p_user BIGINT, IN p_cost INT)
BEGIN
  UPDATE users
     SET quota_remaining = quota_remaining - p_cost
   WHERE id = p_user AND quota_remaining >= p_cost;
  IF ROW_COUNT() = 0 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'QUOTA_INSUFFICIENT';
  END IF;
END//
DELIMITER ;
