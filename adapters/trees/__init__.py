"""Trees of what is not JSON, one format a file: bytes → Tree, so that the comparator knows trees alone."""
