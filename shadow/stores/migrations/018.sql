-- Effective exchanges by who asked, as tokens under the epoch's key (shadow.ledger.rows.Member).
CREATE TABLE member (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    dimension  TEXT NOT NULL,
    token      TEXT NOT NULL,
    effective  INTEGER NOT NULL,
    bad        INTEGER NOT NULL,
    PRIMARY KEY (capability, legacy, modern, rules, comparator, dimension, token)
) WITHOUT ROWID;

-- How many members there are of each dimension, and how often every second was left out (shadow.ledger.rows.MEMBERS).
CREATE TABLE members (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    dimension  TEXT NOT NULL,
    count      INTEGER NOT NULL,
    halvings   INTEGER NOT NULL,
    PRIMARY KEY (capability, legacy, modern, rules, comparator, dimension)
) WITHOUT ROWID;
