"""Records of the journal for what people do to stored data: the lines of a custody's trail. Pure.

Custody records a deed in its own file before it is done, so that a key and the trail of who used it cannot be apart.
The journal takes over each line soon after, with the line's link: from then on, lines that are changed, or cut off the
trail's end, show. The reason in the journal is without what may point to a patient; custody keeps it as typed.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gateway.flips.base import State
from gateway.flips.reasons import kept
from gateway.flips.record import Record
from gateway.flips.steps import stamp
from shadow.custody.base import Line

SOURCE = "custody"
"""The source of records that were taken over."""

BROKEN = "broken"


def taken(state: State, custody: str, lines: Iterable[Line]) -> tuple[State, list[Record]]:
    """The state, and a record for each line of the custody named `custody`. A line that did not fit its chain says
    so."""
    records: list[Record] = []
    for line in lines:
        deed = line.deed
        detail: dict[str, Any] = {"custody": custody, "line": line.number, "link": line.link, "subject": deed.subject}
        if not line.fits:
            detail["chain"] = BROKEN
        record = Record(
            state.length + 1, stamp(deed.at), deed.actor, deed.role, SOURCE, deed.action,
            deed.subject if deed.subject in state.stands else "", state.revision, kept(deed.reason), detail=detail,
            previous=state.head)
        state = replace(state, length=record.number, head=record.digest)
        records.append(record)
    return state, records
