-- In how many compared exchanges of an epoch a known difference hid something (shadow.ledger.Declared): the share that
-- it was declared for is of what all workers saw, and not of what one of them did.
CREATE TABLE declared (
    capability TEXT NOT NULL,
    legacy     TEXT NOT NULL,
    modern     TEXT NOT NULL,
    rules      TEXT NOT NULL,
    comparator TEXT NOT NULL,
    operation  TEXT NOT NULL,
    known      TEXT NOT NULL,
    exchanges  INTEGER NOT NULL,
    PRIMARY KEY (capability, legacy, modern, rules, comparator, operation, known)
) WITHOUT ROWID;
