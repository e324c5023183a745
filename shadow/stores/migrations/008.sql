-- In how many exchanges with a difference both arms were asked again, and in how many it was there each time.
ALTER TABLE finding ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
ALTER TABLE finding ADD COLUMN reproduced INTEGER NOT NULL DEFAULT 0;
