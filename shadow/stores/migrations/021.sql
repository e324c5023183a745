-- In how many natural repeats legacy disagreed with itself (shadow.evidence.noise.Noise): a client had asked the same
-- seconds before.
ALTER TABLE noise ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
