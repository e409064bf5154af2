-- expect: none
DELIMITER //
CREATE PROCEDURE burn(IN p_user INT, IN p_units INT)
BEGIN
  DECLARE v_left INT;
  DECLARE rows_of_user CURSOR FOR SELECT credits FROM users WHERE id = p_user FOR UPDATE;
  START TRANSACTION;
  OPEN rows_of_user;
  FETCH rows_of_user INTO v_left;
  IF v_left >= p_units THEN
    UPDATE users SET credits = credits - p_units WHERE id = p_user;
  END IF;
  CLOSE rows_of_user;
  COMMIT;
END //
DELIMITER ;
