-- What clients still do (shadow.ledger.habits.Habit): what they speak, why they are refused, and what they reach. A token
-- stands for a client's address; it is empty for all clients for which there was no room.
CREATE TABLE habit (
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    capability TEXT NOT NULL,
    arm        TEXT NOT NULL,
    token      TEXT NOT NULL,
    first_seen REAL NOT NULL,
    last_seen  REAL NOT NULL,
    hours      INTEGER NOT NULL,
    PRIMARY KEY (kind, name, capability, arm, token)
) WITHOUT ROWID;
