-- The link of a line of custody's trail that the record was made of; empty for all other records.
ALTER TABLE journal ADD COLUMN link TEXT NOT NULL DEFAULT '';
CREATE INDEX journal_link ON journal (link) WHERE link <> '';
