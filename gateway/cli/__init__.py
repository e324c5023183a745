"""The figway command: one verb a file."""
