-- The stands of all capabilities, the journal, and what is to be announced. Times are in seconds since 1970.
CREATE TABLE control (name TEXT NOT NULL, revision INTEGER NOT NULL);
CREATE TABLE stand (
    capability TEXT PRIMARY KEY, reads TEXT NOT NULL, writes TEXT NOT NULL, share INTEGER NOT NULL,
    changed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE override (
    capability TEXT PRIMARY KEY, reads TEXT, writes TEXT, share INTEGER, author TEXT NOT NULL, reason TEXT NOT NULL,
    at REAL NOT NULL, expires REAL, revision INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE latch (
    capability TEXT PRIMARY KEY, reads TEXT, writes TEXT, guard TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL,
    revision INTEGER NOT NULL
) WITHOUT ROWID;
-- A record as gateway.flips.record writes it. What it is searched by stands beside it.
CREATE TABLE journal (
    number INTEGER PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL, time TEXT NOT NULL, actor TEXT NOT NULL,
    action TEXT NOT NULL, capability TEXT NOT NULL, revision INTEGER NOT NULL
);
CREATE INDEX journal_capability ON journal (capability, number);
-- Records that are not announced yet.
CREATE TABLE outbox (number INTEGER PRIMARY KEY REFERENCES journal (number));
