"""An old import path of case files; see `shadow.moved`."""

from shadow.moved import forwarded

__getattr__ = forwarded(__name__, "Severity")
