-- How the times of both arms compare (shadow.evidence.pace.Pace). `blocks` is JSON: a list of lists of four counts.
CREATE TABLE pace (
    capability   TEXT NOT NULL,
    legacy_build TEXT NOT NULL,
    modern_build TEXT NOT NULL,
    rules        TEXT NOT NULL,
    comparator   TEXT NOT NULL,
    operation    TEXT NOT NULL,
    moment       TEXT NOT NULL,
    ratio        REAL NOT NULL,
    plus         REAL NOT NULL,
    blocks       TEXT NOT NULL,
    last_seen    REAL NOT NULL,
    PRIMARY KEY (capability, legacy_build, modern_build, rules, comparator, operation, moment, ratio, plus)
) WITHOUT ROWID;
