"""Words of reports and messages: numbers with what they count, times, faults. Pure."""

from datetime import UTC, datetime


def moment(at: float) -> str:
    """A time for people: "2025-03-01 12:30:05Z"."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def worded(error: Exception, ours: type[Exception] | tuple[type[Exception], ...]) -> str:
    """A fault for logs and people: the text of an error of `ours`, or only the type of any other, since its text may
    hold a value."""
    return str(error) if isinstance(error, ours) else f"it fails: {type(error).__name__}"


def noun(count: int, one: str, many: str = "") -> str:
    """The noun for a count: `one` where it is 1, else `many`, which is `one` with an "s" where it is left out."""
    return one if count == 1 else many or f"{one}s"
