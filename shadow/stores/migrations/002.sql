-- Mismatching exchanges by all that differs in them (shadow.signatures). `folded` is the pattern as JSON: counts,
-- times, trace ids, paths and shapes; no value out of a message.
CREATE TABLE pattern (
    capability TEXT NOT NULL,
    operation  TEXT NOT NULL,
    key        TEXT NOT NULL,
    folded     TEXT NOT NULL,
    PRIMARY KEY (capability, operation, key)
);

-- Mismatching exchanges that found the capability's share of `pattern` full.
CREATE TABLE patternless (
    capability TEXT PRIMARY KEY,
    count      INTEGER NOT NULL
) WITHOUT ROWID;
