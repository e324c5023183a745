-- Pairs of identifiers that exchanges have proved, as tokens; one-to-one in each class of a capability's epoch, which
-- stands here as a digest (shadow.ledger.Binding).
CREATE TABLE crosswalk (
    capability TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    class      TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    last_seen  REAL NOT NULL,
    PRIMARY KEY (capability, epoch, class, legacy),
    UNIQUE (capability, epoch, class, modern)
) WITHOUT ROWID;

-- How many there are, how many were too many, and how many contradict one that is there (shadow.ledger.Crossing).
CREATE TABLE crossing (
    capability TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    class      TEXT NOT NULL,
    kind       TEXT NOT NULL,
    count      INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen  REAL NOT NULL,
    trace_id   TEXT NOT NULL,
    PRIMARY KEY (capability, epoch, class, kind)
) WITHOUT ROWID;
