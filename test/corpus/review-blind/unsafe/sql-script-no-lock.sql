-- expect: FAIL
-- item: 1
START TRANSACTION;
SELECT quota_remaining INTO @remaining FROM users WHERE id = 42;
UPDATE users SET quota_remaining = @remaining - 1 WHERE id = 42;
INSERT INTO quota_logs (user_id, type, amount, description) VALUES (42, 'consume', 1, 'task_created');
COMMIT;
