"""Problem: one fault in configuration, with its place. Findings: what one reading of it collects."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

# Characters of a message; characters of a name that may be a misspelling; names that it is compared with.
_LONGEST = 600
_LONGEST_NAME = 100
_MOST_KNOWN = 500


class Place(NamedTuple):
    """A file with a line and a column, which count from 1 as in editors."""

    file: Path
    line: int = 1
    col: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One fault. `code` is stable, for scripts; `message` is for people and never holds a substituted value."""

    place: Place
    message: str
    code: str

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line}:{self.place.col}: {self._shown} [{self.code}]"

    def as_dict(self) -> dict[str, str | int]:
        """For `-o json`: file, line, col, message, code."""
        return {"file": str(self.place.file), "line": self.place.line, "col": self.place.col,
                "message": self._shown, "code": self.code}

    @property
    def _shown(self) -> str:
        """The message, with its middle left out if it is very long."""
        text = self.message
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST // 2]} … {text[-_LONGEST // 2:]}"


class Findings:
    """What reading a configuration finds: problems, which refuse it, and warnings, which do not."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def problem(self, place: Place, message: str, code: str) -> None:
        """Add a fault that the configuration cannot be used with."""
        self.problems.append(Problem(place, message, code))

    def warn(self, place: Place, message: str, code: str) -> None:
        """Add something that is probably not meant, or is unsafe."""
        self.warnings.append(Problem(place, message, code))


class Invalid(Exception):
    """The configuration has problems. They are sorted by their places, each once. `files` are those that were read:
    another attempt is due when one of them changes."""

    def __init__(self, problems: Iterable[Problem], files: tuple[Path, ...] = ()) -> None:
        self.problems: list[Problem] = sorted(set(problems))
        self.files = files
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message: the name that was probably meant, or the names that there are. Empty if the search would
    take long: for a very long name, or among very many."""
    words = tuple(sorted(known))
    return "" if len(name) > _LONGEST_NAME or len(words) > _MOST_KNOWN else _meant(name, words)


@lru_cache(4096)
def _meant(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f" (there are: {', '.join(known)})" if 0 < len(known) <= 12 else ""
