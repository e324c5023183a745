"""Exchanges kept whole, on request only: sealed one by one, searched, and given up again."""
