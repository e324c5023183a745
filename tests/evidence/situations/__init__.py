"""The situations of issue 10, section 1, one file for some of them: each a few cases of the table."""
