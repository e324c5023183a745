"""An old import path of case files and stores; see `shadow.moved`."""

from shadow.moved import forwarded

__getattr__ = forwarded(__name__, "Severity")
