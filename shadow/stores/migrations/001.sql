-- Exchanges by outcome.
CREATE TABLE tally (
    capability TEXT NOT NULL,
    operation  TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (capability, operation, outcome, reason)
) WITHOUT ROWID;

-- Differences by signature: the key is index-free and length-free, the example beside it is the latest one.
-- Paths and shapes only; no column holds a value out of a message.
CREATE TABLE finding (
    capability     TEXT NOT NULL,
    operation      TEXT NOT NULL,
    kind           TEXT NOT NULL,
    signature_path TEXT NOT NULL,
    legacy_group   TEXT NOT NULL,
    modern_group   TEXT NOT NULL,
    count          INTEGER NOT NULL,
    first_seen     REAL NOT NULL,
    last_seen      REAL NOT NULL,
    path           TEXT NOT NULL,
    legacy_type    TEXT NOT NULL,
    legacy_length  INTEGER,
    legacy_form    TEXT NOT NULL,
    modern_type    TEXT NOT NULL,
    modern_length  INTEGER,
    modern_form    TEXT NOT NULL,
    trace_id       TEXT NOT NULL,
    PRIMARY KEY (capability, operation, kind, signature_path, legacy_group, modern_group)
) WITHOUT ROWID;

-- Differences that found the capability's share of `finding` full.
CREATE TABLE overflow (
    capability TEXT PRIMARY KEY,
    count      INTEGER NOT NULL
) WITHOUT ROWID;

-- Calls by arm; `seconds` is a JSON array of bucket counts (shadow.latency).
CREATE TABLE traffic (
    capability TEXT NOT NULL,
    operation  TEXT NOT NULL,
    stage      TEXT NOT NULL,
    arm        TEXT NOT NULL,
    requests   INTEGER NOT NULL,
    errors     INTEGER NOT NULL,
    seconds    TEXT NOT NULL,
    at         REAL NOT NULL,
    PRIMARY KEY (capability, operation, stage, arm)
) WITHOUT ROWID;
