-- expect: none
BEGIN;
SELECT quota_remaining FROM users WHERE id = 1 FOR UPDATE;
UPDATE users SET quota_remaining = quota_remaining - 1 WHERE id = 1;
INSERT INTO quota_logs (user_id, type, amount, description) VALUES (1, 'consume', 1, 'task_created');
COMMIT;
