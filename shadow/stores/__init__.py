"""Where comparisons are remembered."""
