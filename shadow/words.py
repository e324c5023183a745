"""Wording for reports and messages: nouns for what is counted, times, faults. Pure."""

from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite


def moment(at: float) -> str:
    """A time for people: "2025-03-01 12:30:05Z"."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def worded(error: Exception, ours: type[Exception] | tuple[type[Exception], ...]) -> str:
    """A fault for logs and people: the text of an error of `ours`, but only the type of any other error, since its text
    may hold a value."""
    return str(error) if isinstance(error, ours) else f"it fails: {type(error).__name__}"


def figures(value: float, digits: int = 3) -> str:
    """A number for people to so many significant digits, never with an exponent: "12.3", "1,060", "0.00001"."""
    text = f"{value:.{digits}g}"
    if "e" not in text or not isfinite(value):
        return text
    return f"{float(text):,.0f}" if abs(value) >= 1 else f"{Decimal(text):f}"


def noun(count: int, one: str, many: str = "") -> str:
    """The noun for a count: `one` if the count is 1, else `many`. If `many` is left out, "s" is added to `one`."""
    return one if count == 1 else many or f"{one}s"
