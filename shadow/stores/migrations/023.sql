-- The last write of each process, by which it knows whether what it wrote is still there (shadow.stores.sqlite_receipts).
CREATE TABLE receipt (
    writer INTEGER PRIMARY KEY,
    number INTEGER NOT NULL
);
