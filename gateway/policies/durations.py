"""Durations in policies' options: a number of seconds, or a number with its unit ("250ms", "30s", "5m", "2h")."""

import re

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(option: str, value: str | float) -> float:
    """The duration in seconds. Raises ValueError, naming `option`, where it is not one."""
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if found is None:
            raise ValueError(f'{option}: not a duration such as "250ms", "30s" or "5m"')
        return float(found[1]) * _UNITS[found[2]]
    if not 0 <= value < float("inf"):
        raise ValueError(f"{option}: not a duration")
    return float(value)
