-- Keys are in custody (shadow.custody), a file of their own: a copy of the data alone links nothing.
DROP TABLE secret;
