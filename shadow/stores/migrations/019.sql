-- When a person began the evidence of a capability anew, who that was, and why (shadow.ledger.rows.Restart). Never
-- dropped: the number is a part of the epochs that came after it.
CREATE TABLE restart (
    capability TEXT NOT NULL,
    number     INTEGER NOT NULL,
    at         REAL NOT NULL,
    who        TEXT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (capability, number)
) WITHOUT ROWID;
