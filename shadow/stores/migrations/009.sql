-- Noise by what it was seen on (shadow.noise.Noise): that of an old build says nothing of a new one. Of what was known
-- before, it was not kept.
DROP TABLE noise;
CREATE TABLE noise (
    capability   TEXT NOT NULL,
    legacy_build TEXT NOT NULL,
    modern_build TEXT NOT NULL,
    rules        TEXT NOT NULL,
    comparator   TEXT NOT NULL,
    operation    TEXT NOT NULL,
    kind         TEXT NOT NULL,
    path         TEXT NOT NULL,
    modern       INTEGER NOT NULL,
    legacy       INTEGER NOT NULL,
    both         INTEGER NOT NULL,
    plain        INTEGER NOT NULL,
    first_seen   REAL NOT NULL,
    last_seen    REAL NOT NULL,
    PRIMARY KEY (capability, legacy_build, modern_build, rules, comparator, operation, kind, path)
) WITHOUT ROWID;

-- Effective exchanges by the hour, of the last 24 hours in which there were any: [[hours since the epoch, count], ...].
ALTER TABLE evidence ADD COLUMN hours TEXT NOT NULL DEFAULT '[]';
