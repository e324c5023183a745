"""The rows of a store, as values."""

from shadow.moved import forwarded

__getattr__ = forwarded(__name__)
