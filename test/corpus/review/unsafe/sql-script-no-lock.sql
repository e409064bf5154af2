-- expect: BG001
SELECT quota_remaining FROM users WHERE id = 1 /* FOR UPDATE */;
UPDATE users SET quota_remaining = quota_remaining - 1 WHERE id = 1;
