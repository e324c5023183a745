-- Where a difference stood in modern's document, and tokens of what it was between (shadow.diff.Difference).
ALTER TABLE finding ADD COLUMN modern_path TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN legacy_token TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN modern_token TEXT NOT NULL DEFAULT '';
ALTER TABLE finding ADD COLUMN key_token TEXT NOT NULL DEFAULT '';
-- The smallest example is the one of the smallest bodies, and how large those were was not kept.
DELETE FROM pattern;
