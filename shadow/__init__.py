"""Compare two observations of one request and remember what was learnt."""
