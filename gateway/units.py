"""Durations, sizes and shares as people write them: text to a number. Each has one grammar, wherever it is written.

DURATION, SIZE and SHARE are regular expressions that Python and JSON Schema read alike, so that editors can check too.
"""

import re

DURATION = r"[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h)"
"""250ms, 5s, 2m, 1h."""
SIZE = r"[0-9]{1,12}(B|KiB|MiB|GiB)"
"""100B, 64KiB, 10MiB, 1GiB."""
SHARE = r"(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)%"
"""0% to 100%, with at most two decimals."""

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_DURATION, _SIZE, _SHARE = (re.compile(pattern, re.ASCII) for pattern in (DURATION, SIZE, SHARE))


def duration(text: str) -> float | None:
    """The duration in seconds, or None if the text is not a duration."""
    found = _DURATION.fullmatch(text)
    return float(text.rstrip("mhs")) * _SECONDS[found[2]] if found is not None else None


def size(text: str) -> int | None:
    """The size in bytes, or None if the text is not a size."""
    found = _SIZE.fullmatch(text)
    return int(text.rstrip("BKMGi")) * _BYTES[found[1]] if found is not None else None


def share(text: str) -> int | None:
    """The share in ten-thousandths, or None if the text is not a share."""
    if _SHARE.fullmatch(text) is None:
        return None
    whole, _, part = text[:-1].partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") or 0)


def seconds(option: str, value: str | float) -> float:
    """A plugin's option that is a duration, in seconds: text such as "30s", or a number of seconds, 0 or more.
    Raises ValueError, naming `option`, if it is neither."""
    if isinstance(value, str):
        found = duration(value)
        if found is None:
            raise ValueError(f'{option}: not a duration such as "250ms", "30s" or "5m"')
        return found
    if not 0 <= value < float("inf"):
        raise ValueError(f"{option}: not a duration")
    return float(value)
