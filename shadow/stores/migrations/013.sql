-- Evidence by how the exchange was asked, and by reason as well. The reasons of the rows from before were not kept: they
-- are "", and count as what was left out by a cause that is not known.
CREATE TABLE evidence_now (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    operation  TEXT NOT NULL,
    status     TEXT NOT NULL,
    resource   TEXT NOT NULL,
    shape      TEXT NOT NULL,
    asked      TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    count      INTEGER NOT NULL,
    effective  INTEGER NOT NULL,
    critical   INTEGER NOT NULL,
    reproduced INTEGER NOT NULL,
    first      REAL NOT NULL,
    last       REAL NOT NULL,
    hours      TEXT NOT NULL,
    PRIMARY KEY (
        capability, legacy, modern, rules, comparator, operation, status, resource, shape, asked, outcome, reason)
) WITHOUT ROWID;
INSERT INTO evidence_now
SELECT capability, legacy, modern, rules, comparator, operation, status, resource, shape, '', outcome, '', count,
    effective, critical, reproduced, first, last, hours
FROM evidence;
DROP TABLE evidence;
ALTER TABLE evidence_now RENAME TO evidence;
