"""Exchanges that are kept whole, on request only: sealed one by one, searched, and destroyed."""
