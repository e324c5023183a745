"""The judge: compares pairs in a process of its own, and knows which identifiers of both systems name one record."""
