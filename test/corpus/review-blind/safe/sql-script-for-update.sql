-- expect: none
-- item: 1
BEGIN;
SELECT quota_remaining FROM users WHERE id = 42 FOR UPDATE;
UPDATE users SET quota_remaining = quota_remaining - 1 WHERE id = 42;
INSERT INTO quota_logs (user_id, type, amount, description) VALUES (42, 'consume', 1, 'task_created');
COMMIT;
