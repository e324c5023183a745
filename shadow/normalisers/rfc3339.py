"""Reads instants: a date and a time with a zone (RFC 3339 section 5.6), and the zone without its colon ("+0100"), as
ISO 8601 has it and Java's older libraries write it."""

import re
from datetime import datetime
from typing import NamedTuple

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)", re.ASCII)


class Instant(NamedTuple):
    """An instant in parts, whatever way it is written in. `second` is the local time to the second, `fraction` the
    digits after it without zeros at their end, `zone` the offset as "+01:00"; "Z" is "+00:00". "-00:00" says that the
    local time is not known (RFC 3339 section 4.3), and is no other zone's offset."""

    second: str
    fraction: str
    zone: str

    @property
    def moment(self) -> tuple[float, str]:
        """What is equal for two instants at one moment, in whatever zones."""
        return datetime.fromisoformat(self.second + self.zone).timestamp(), self.fraction


def instant(text: str) -> Instant | None:
    """The instant that a text is; None if it is none, or if the calendar does not have it."""
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    second, fraction, zone = found.groups("")
    zone = "+00:00" if zone == "Z" else f"{zone[:3]}:{zone[-2:]}"
    try:
        datetime.fromisoformat(second + zone)
    except ValueError:
        return None
    return Instant(second, fraction.rstrip("0"), zone) if zone[-2:] < "60" else None
