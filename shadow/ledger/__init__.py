"""The rows of a store, as values."""
