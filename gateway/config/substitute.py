"""Replaces ${VAR}, ${VAR:-default} and ${file:/run/secrets/x} in scalar values; "$${" is a plain "${".

A value never becomes structure, since it is put into a scalar of a parsed tree; and no message shows it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from gateway.config.problem import Findings, Place
from gateway.files import read_plain

MAX_FILE = 1 << 20
# Characters of all values together, each counted as often as it is put in.
_MOST = 32 << 20
_MOST_REFERENCES = 1000
_FOUND = re.compile(r"\$\$\{|\$\{([^{}]*)(\}?)")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.ASCII | re.DOTALL)


class Substitution:
    """Replaces references. `files` are those that were read and must be watched; `places` say where each is named."""

    def __init__(self, environ: Mapping[str, str], findings: Findings) -> None:
        self._environ = environ
        self._findings = findings
        self._left = _MOST
        self.files: list[Path] = []
        self.places: list[tuple[Path, Place]] = []

    def __call__(self, text: str, place: Place) -> tuple[str | None, bool]:
        """The text with every reference replaced, or None after a problem; and whether there were references."""
        if text.count("${") > _MOST_REFERENCES:
            self._problem(place, f"more than {_MOST_REFERENCES:,} references in one value", "bad_substitution")
            return None, True
        before = len(self._findings.problems)
        replaced = _FOUND.sub(lambda found: self._counted(self._one(found, place), place), text)
        return (None if len(self._findings.problems) > before else replaced), True

    def _counted(self, value: str, place: Place) -> str:
        self._left -= len(value)
        if self._left >= 0:
            return value
        if self._left + len(value) < 0:
            return ""  # reported already
        return self._problem(place, f"what is put in for references is larger than {_MOST >> 20}MiB, all together",
                             "bad_substitution")

    def _one(self, found: re.Match[str], place: Place) -> str:
        inside = found[1]
        if inside is None:
            return "${"
        if found[2] and inside.startswith("file:"):
            return self._read(inside.removeprefix("file:"), place)
        variable = _VARIABLE.fullmatch(inside)
        if not found[2] or variable is None:
            return self._problem(place, 'write ${NAME}, ${NAME:-default} or ${file:PATH} ("$${" for a plain "${")',
                                 "bad_substitution")
        value = self._environ.get(variable[1])
        if variable[2] is not None:
            return value or variable[2]
        if value is None:
            return self._problem(place, f"the environment variable {variable[1]} is not set", "unset_variable")
        return value

    def _read(self, name: str, place: Place) -> str:
        path = place.file.parent / name
        self.files.append(path)
        self.places.append((path, place))
        try:
            return read_plain(path, MAX_FILE).decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            return self._problem(place, f"{path} is not UTF-8 text", "unreadable")
        except OSError as error:
            return self._problem(place, f"{path} cannot be read: {error.strerror}", "unreadable")

    def _problem(self, place: Place, message: str, code: str) -> str:
        self._findings.problem(place, message, code)
        return ""
