-- Exchanges that may be wrong and do not count yet, by worker (shadow.ledger.rows.Waiting).
CREATE TABLE waiting (
    capability TEXT NOT NULL,
    worker     TEXT NOT NULL,
    exchanges  INTEGER NOT NULL,
    critical   INTEGER NOT NULL,
    at         REAL NOT NULL,
    PRIMARY KEY (capability, worker)
) WITHOUT ROWID;
