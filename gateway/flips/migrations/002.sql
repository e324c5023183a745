-- Writes that modern took, or may have taken, since the capability's writes last went to legacy alone.
CREATE TABLE taken (
    capability TEXT NOT NULL, operation TEXT NOT NULL, writes INTEGER NOT NULL, PRIMARY KEY (capability, operation)
) WITHOUT ROWID;
