-- Tokens are counted by capability as well. `tokens` are those since the last of the `halvings`
-- (shadow.ledger.rows.SUBJECTS).
DROP TABLE hour;
CREATE TABLE hour (
    hour       INTEGER NOT NULL,
    capability TEXT NOT NULL,
    tokens     INTEGER NOT NULL,
    halvings   INTEGER NOT NULL,
    PRIMARY KEY (hour, capability)
) WITHOUT ROWID;

-- The hours (since 1970) with traffic: effective exchanges of an epoch or, if its four texts are empty, all that were to
-- be compared (shadow.ledger.rows.Calendar). Of before, the last 24 hours of each stratum are known.
CREATE TABLE calendar (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    hour       INTEGER NOT NULL,
    exchanges  INTEGER NOT NULL,
    PRIMARY KEY (capability, legacy, modern, rules, comparator, hour)
) WITHOUT ROWID;
INSERT INTO calendar
SELECT capability, legacy, modern, rules, comparator, json_extract(value, '$[0]'), sum(json_extract(value, '$[1]'))
FROM evidence, json_each(evidence.hours) GROUP BY 1, 2, 3, 4, 5, 6;

-- The sizes of legacy's bodies (shadow.ledger.rows.Sizes).
CREATE TABLE size (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    bucket     INTEGER NOT NULL,
    exchanges  INTEGER NOT NULL,
    effective  INTEGER NOT NULL,
    PRIMARY KEY (capability, legacy, modern, rules, comparator, bucket)
) WITHOUT ROWID;
