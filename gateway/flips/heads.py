"""Heads of the journal that are kept elsewhere: found in the lines of logs, audit segments and exports.

A line is a JSON object. It holds a head if it has `journal` (the number of the last record) and `head` (its digest),
with `control` (the name of the control file) or without; or if it is an exported record, which has `number` and
`digest`.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from gateway.flips.chain import Head

_NUMBER = re.compile(r"[0-9]{1,15}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def given(text: str) -> Head | None:
    """A head as a person types it: a digest, or NUMBER:DIGEST. None if it is neither."""
    number, _, found = text.strip().rpartition(":")
    if not _DIGEST.fullmatch(found.lower()) or (number and not _NUMBER.fullmatch(number)):
        return None
    return Head(int(number or 0), found.lower(), "--head")


def heads_in(lines: Iterable[str], where: str) -> Iterator[Head]:
    """The heads in the lines of a file. Whatever else stands there is passed over."""
    for at, line in enumerate(lines, 1):
        if '"head"' not in line and '"digest"' not in line:
            continue
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            for number, found in (("journal", "head"), ("number", "digest")):
                head = _head(said.get(number), said.get(found), said.get("control"), f"{where} line {at}")
                if head is not None:
                    yield head


def _head(number: Any, found: Any, control: Any, where: str) -> Head | None:
    if type(number) is not int or number < 1 or not isinstance(found, str) or not _DIGEST.fullmatch(found):
        return None
    return Head(number, found, where, control if isinstance(control, str) else "")
