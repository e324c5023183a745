"""The process of its own in which pairs are compared."""
