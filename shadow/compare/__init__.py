"""Two answers to one request: what differs, where, and how much it matters."""

from shadow.moved import forwarded

__getattr__ = forwarded(__name__, "compare")
