-- Where legacy, asked twice, disagreed with itself, or modern with it (shadow.noise.Noise). Kinds and paths only.
CREATE TABLE noise (
    capability TEXT NOT NULL,
    operation  TEXT NOT NULL,
    kind       TEXT NOT NULL,
    path       TEXT NOT NULL,
    modern     INTEGER NOT NULL,
    legacy     INTEGER NOT NULL,
    both       INTEGER NOT NULL,
    plain      INTEGER NOT NULL,
    first_seen REAL NOT NULL,
    last_seen  REAL NOT NULL,
    PRIMARY KEY (capability, operation, kind, path)
) WITHOUT ROWID;
