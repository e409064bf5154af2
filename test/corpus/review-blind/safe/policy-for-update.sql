-- expect: none
-- item: 1
CREATE TABLE profiles (
  id uuid PRIMARY KEY,
  credits integer NOT NULL DEFAULT 0 CHECK (credits >= 0)
);
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own profile" ON profiles FOR UPDATE USING (auth.uid() = id);
CREATE INDEX profiles_credits ON profiles (credits);
