"""Shows differences in commands: by kind, path and shape, without values. Equal values have equal numbers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from shadow.compare.dicom import named
from shadow.compare.difference import Difference

NO_TAGS: Mapping[str, int] = {}


def tags(found: Iterable[Difference]) -> dict[str, int]:
    """Numbers for the values that occur more than once in one class of paths, by their tokens. Tokens differ from run
    to run."""
    counts = Counter(token for one in found for token in (one.legacy_token, one.modern_token) if token)
    return {token: number for number, token in enumerate((one for one, count in counts.items() if count > 1), 1)}


def line(one: Difference, known: Mapping[str, int] = NO_TAGS) -> str:
    """A difference as a line for people."""
    where = f"{named(one.path)}" + (f" (in modern {one.modern_path})" if one.modern_path else "")
    sides = (f"{shape} #{known[token]}" if token in known else str(shape) for shape, token in (
        (one.legacy, one.legacy_token), (one.modern, one.modern_token)))
    return f"{one.severity:<9} {one.kind:<9} {where}: {' → '.join(sides)}"


def fact(one: Difference) -> dict[str, Any]:
    """A difference as JSON-ready values."""
    return {"kind": one.kind, "path": one.path, "modern_path": one.modern_path or one.path, "legacy": str(one.legacy),
            "modern": str(one.modern), "severity": one.severity}
