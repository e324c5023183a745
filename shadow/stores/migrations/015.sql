-- Beginnings of evidence (shadow.ledger.rows.Attempt). They stay when their evidence goes.
CREATE TABLE attempt (
    capability TEXT NOT NULL,
    number     INTEGER NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    effective  INTEGER NOT NULL,
    first      REAL NOT NULL,
    last       REAL NOT NULL,
    closed     INTEGER NOT NULL,
    PRIMARY KEY (capability, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX attempt_open ON attempt (capability, legacy, modern, rules, comparator) WHERE closed = 0;
INSERT INTO attempt
SELECT capability, row_number() OVER (PARTITION BY capability ORDER BY min(first)), legacy, modern, rules, comparator,
    sum(effective), min(first), max(last), 0
FROM evidence GROUP BY capability, legacy, modern, rules, comparator;
