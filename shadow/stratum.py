"""An old import path of stores; see `shadow.moved`."""

from shadow.moved import forwarded

__getattr__ = forwarded(__name__)
