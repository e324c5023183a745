"""Verifies a chain of records: finds what was changed, dropped, swapped, inserted or cut off, and names it (Fault).

A record vouches for itself by its digest, and for the one before by `previous`. The last record has nobody behind it.
Only a digest that is kept elsewhere (Head) shows that records were cut off there, or that all records from one on were
written anew.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.flips.record import ORIGIN, canonical, digest

CHANGED, DROPPED, SWAPPED, INSERTED, CUT, REWRITTEN = "changed", "dropped", "swapped", "inserted", "cut", "rewritten"


class Head(NamedTuple):
    """The digest of a record, as it was kept elsewhere. `number` is 0 where it is not known, `control` the name of the
    file, "" where it is not known; `where` says for people where the head was found."""

    number: int
    digest: str
    where: str
    control: str = ""


class Fault(NamedTuple):
    """What is wrong with a record, or with what stands beside the records (`number` 0)."""

    number: int
    what: str
    says: str


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it is stored, of which nothing is believed. `columns` stand beside the body, to search by."""

    number: Any
    body: Any
    digest: Any
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checked:
    """A chain that was looked at: its length, the digest of its last record, and its faults in their order."""

    length: int
    head: str
    faults: tuple[Fault, ...]


@dataclass(slots=True)
class _Seen:
    """A row: its place, the number that its body says, its digest as computed, the digest before it as the body says.
    `wrong` says why the row contradicts itself; then nothing that it says of others is believed."""

    place: int
    own: int
    digest: str
    previous: str
    wrong: str = ""


def check(rows: Iterable[Row], heads: Sequence[Head] = (), seen: Callable[[dict[str, Any]], None] | None = None,
          ) -> Checked:
    """Verify the rows, which come by their numbers. `seen` is called with the body of each row that can be read."""
    found = [_seen(row, seen) for row in rows]
    vouched = {head.digest for head in heads}
    faults = [Fault(one.place, CHANGED, one.wrong) for one in found if one.wrong]
    faults += _misplaced(found)
    broken = {fault.number for fault in faults}
    faults += [fault for fault in _breaks(found, vouched, broken) if fault.number not in broken]
    broken = {fault.number for fault in faults}
    last = found[-1] if found else _Seen(0, 0, ORIGIN, "")
    faults += _against(found, heads, last, broken)
    return Checked(len(found), last.digest, tuple(sorted(dict.fromkeys(faults))))


def _seen(row: Row, seen: Callable[[dict[str, Any]], None] | None) -> _Seen:
    place = row.number if type(row.number) is int else 0
    try:
        if not isinstance(row.body, str):
            raise ValueError
        body = row.body.encode()
        said = json.loads(row.body)
        own, previous = said["number"], said["previous"]
        if type(own) is not int or not isinstance(previous, str):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        return _Seen(place, place, "", "", "what is stored is no record")
    one = _Seen(place, own, digest(body), previous)
    if row.digest != one.digest:
        one.wrong = "the record does not have the digest that is stored with it"
    elif _form(said) != body:
        one.wrong = "the record is not in its one form"
    else:
        others = [name for name, value in row.columns.items() if not _same(value, _column(said, name))]
        if others:
            one.wrong = f"{', '.join(others)} beside the record {'is' if len(others) == 1 else 'are'} not what it says"
    if seen is not None:
        seen(said)
    return one


def _form(said: Any) -> bytes:
    try:
        return canonical(said)
    except (ValueError, RecursionError):
        return b""


def _column(said: dict[str, Any], name: str) -> Any:
    detail = said.get("detail")
    return (detail.get("link", "") if isinstance(detail, dict) else "") if name == "link" else said.get(name)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _misplaced(found: list[_Seen]) -> Iterator[Fault]:
    """Gaps, and records that stand at another's place."""
    expected = 1
    for one in found:
        if one.place < 1:
            yield Fault(one.place, INSERTED, f"there is a record {one.place}: the first is 1")
            continue
        if one.place > expected:
            yield Fault(expected, DROPPED, f"{_records(expected, one.place - 1)} missing")
        expected = one.place + 1
    strange = {one.place: one.own for one in found if one.own != one.place and not one.wrong and one.place > 0}
    for place, own in list(strange.items()):
        if place < own and strange.get(own) == place:
            yield Fault(place, SWAPPED, f"records {place} and {own} stand at each other's places")
            yield Fault(own, SWAPPED, f"records {place} and {own} stand at each other's places")
            del strange[place], strange[own]
    shift, before = 0, 0
    for place, own in strange.items():
        if place != before + 1 or own - place != shift:
            shift = own - place
            if shift > 0:
                yield Fault(place, DROPPED, f"{_records(place, own - 1)} missing, and those after were moved up")
            else:
                yield Fault(place + shift, INSERTED, f"{_records(place + shift, place - 1)} not of this chain: those "
                            "after were moved down")
        before = place


def _records(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"


def _breaks(found: list[_Seen], vouched: set[str], broken: set[int]) -> Iterator[Fault]:
    """Records that fit what is stored with them, but not their neighbours: they were written anew, digest and all."""
    for at, one in enumerate(found):
        before = found[at - 1] if at else _Seen(0, 0, ORIGIN, "")
        if one.wrong or one.own != one.place or one.place != before.place + 1 or one.previous == before.digest:
            continue
        after = found[at + 1] if at + 1 < len(found) else None
        holds = one.digest in vouched or (after is not None and after.previous == one.digest and not after.wrong)
        if before.wrong or before.place in broken:
            continue  # that is why
        if holds and before.place:
            yield Fault(before.place, CHANGED, "the record was changed, its digest too: the one after it does not fit")
        elif after is not None or not before.place or before.digest in vouched:
            yield Fault(one.place, CHANGED, "the record was changed, its digest too: it does not fit the one before")
        else:
            yield Fault(before.place, CHANGED, f"the record or record {one.place}, which is the last, was changed, its "
                        "digest too: they do not fit")


def _against(found: list[_Seen], heads: Sequence[Head], last: _Seen, broken: set[int]) -> Iterator[Fault]:
    """What the heads show."""
    ends = max((head.number for head in heads), default=0)
    digests = {one.place: one.digest for one in found}
    known = set(digests.values())
    for head in heads:
        if head.number == 0:
            if head.digest not in known and head.digest != ORIGIN and last.place not in broken:
                yield Fault(last.place + 1, CUT, f"no record has the head of {head.where}: the end was cut off, or "
                            "written anew")
        elif head.number > last.place and head.number == ends:
            yield Fault(last.place + 1, CUT, f"{_records(last.place + 1, head.number)} missing: {head.where} has the "
                        f"head of record {head.number}")
        elif head.number in digests and digests[head.number] != head.digest and head.number not in broken:
            yield Fault(head.number, REWRITTEN, f"the record is another than when {head.where} got its head")
