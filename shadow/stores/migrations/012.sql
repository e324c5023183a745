-- Exchanges that are missing, by the hour of the last of them (shadow.ledger.Gap).
CREATE TABLE gap (
    capability TEXT NOT NULL,
    reason     TEXT NOT NULL,
    hour       INTEGER NOT NULL,
    exchanges  INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen  REAL NOT NULL,
    PRIMARY KEY (capability, reason, hour)
) WITHOUT ROWID;

-- When this file was made, in seconds since 1970: whether it took the place of one that was written before. No row in
-- one that was made before this was kept.
CREATE TABLE origin (
    made REAL NOT NULL
);
