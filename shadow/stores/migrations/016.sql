-- How many of the effective exchanges `figway sweep` asked (shadow.ledger.rows.Evidence).
ALTER TABLE evidence ADD COLUMN swept INTEGER NOT NULL DEFAULT 0;
