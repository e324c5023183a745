-- What rules took away before exchanges were judged: by rule, how many differences, in how many exchanges.
CREATE TABLE hidden (
    capability  TEXT NOT NULL,
    rule        TEXT NOT NULL,
    exchanges   INTEGER NOT NULL,
    differences INTEGER NOT NULL,
    last_seen   REAL NOT NULL,
    PRIMARY KEY (capability, rule)
) WITHOUT ROWID;
