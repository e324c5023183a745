"""An old import path of third parties' stores; see `shadow.moved`."""

from shadow.moved import forwarded

__getattr__ = forwarded(__name__)
