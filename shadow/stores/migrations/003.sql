-- What derives tokens: one row, 32 random bytes.
CREATE TABLE secret (
    key BLOB NOT NULL
);

-- Subjects asked about in an hour (hours since the epoch), as HMAC-SHA-256; gone after two hours.
CREATE TABLE token (
    hour  INTEGER NOT NULL,
    token BLOB NOT NULL,
    PRIMARY KEY (hour, token)
) WITHOUT ROWID;

CREATE TABLE hour (
    hour   INTEGER PRIMARY KEY,
    tokens INTEGER NOT NULL
);

-- Exchanges by what they prove, of each pair of builds, rules and comparator (shadow.ledger.Evidence).
CREATE TABLE evidence (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    operation  TEXT NOT NULL,
    status     TEXT NOT NULL,
    resource   TEXT NOT NULL,
    shape      TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    count      INTEGER NOT NULL,
    effective  INTEGER NOT NULL,
    critical   INTEGER NOT NULL,
    reproduced INTEGER NOT NULL,
    first      REAL NOT NULL,
    last       REAL NOT NULL,
    PRIMARY KEY (capability, legacy, modern, rules, comparator, operation, status, resource, shape, outcome)
) WITHOUT ROWID;

ALTER TABLE finding ADD COLUMN severity TEXT NOT NULL DEFAULT 'major';
