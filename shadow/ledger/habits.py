"""What clients still do (Habit): what old clients speak, who is refused, and who reaches an operation. Pure.

A client is kept as a token of its address. The keys of these tokens are in custody, one for each quarter of a year. So
a token tells two clients apart, and whoever may read custody can find the device behind it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from shadow.compare.tokens import mac

PURPOSE = "client"
"""The purpose of these keys in custody. Their scopes are quarters, as `quarter` names them."""

SPEAKS, REFUSED, REACHES, WATCHED = "speaks", "refused", "reaches", "watched"
"""The kinds of habits. WATCHED is no client's: it says since when habits are kept."""

OTHERS = ""
"""Instead of a token: all clients for which there was no room, together."""

LOCAL = "local"
"""Instead of a token: a client without an address, on a Unix socket."""

HTTP_1_0, NO_KEEP_ALIVE, ODD_METHOD, RAW_TARGET = 1, 2, 4, 8
"""What an old client speaks, as bits that are added up."""

SPOKEN: dict[int, str] = {HTTP_1_0: "http_1_0", NO_KEEP_ALIVE: "no_keep_alive", ODD_METHOD: "odd_method",
                          RAW_TARGET: "raw_target"}
"""The names of these bits."""

DAY = 86_400.0
_HEX = 16
_QUARTER = re.compile(r"([0-9]{4})-Q([1-4])")


class Thing(NamedTuple):
    """What a client can do. `kind` is SPEAKS (`name` is one of SPOKEN), REFUSED (`name` is the rule that a request
    broke), or REACHES (`name` is an operation of `capability`, and `arm` the arm that answered)."""

    kind: str
    name: str
    capability: str = ""
    arm: str = ""


NOTHING = Thing(WATCHED, "")
"""Used where habits are kept, and no client did anything."""


class Habit(NamedTuple):
    """One client does one thing: its `token`, or OTHERS or LOCAL; the `first` and the `last` time, in seconds since
    1970; and in how many `hours` it did."""

    thing: Thing
    token: str
    first: float
    last: float
    hours: int = 1


def together(one: Habit, other: Habit) -> Habit:
    """Two rows of one client and one thing, as one. Hours of both count twice if they are the same."""
    return Habit(one.thing, one.token, min(one.first, other.first), max(one.last, other.last), one.hours + other.hours)


def token(key: bytes, address: str) -> str:
    """The token of a client's address, which must be in its one spelling (gateway.edges.forwarded.spelled)."""
    return mac(key, f"\1client\0{address}".encode("utf-8", "surrogatepass")).hex()[:_HEX] if address else LOCAL


def quarter(at: float) -> str:
    """The quarter of a year that a time is in, in UTC: "2026-Q4"."""
    day = datetime.fromtimestamp(at, UTC)
    return f"{day.year}-Q{(day.month + 2) // 3}"


def is_over(scope: str, at: float, days: float) -> bool:
    """Whether a quarter ended more than `days` before a time: nothing that its key made is kept any more."""
    found = _QUARTER.fullmatch(scope)
    if found is None:
        return False
    year, number = int(found[1]), int(found[2])
    ends = datetime(year + number // 4, number % 4 * 3 + 1, 1, tzinfo=UTC)
    return ends.timestamp() + days * DAY < at


class Operation(NamedTuple):
    """An operation that legacy can answer, by the configuration."""

    capability: str
    name: str


@dataclass(frozen=True, slots=True)
class Doing:
    """A Habit as people and programs read it: who (a token, LOCAL or "others") does what, since when and until when."""

    client: str
    does: str
    name: str
    capability: str
    arm: str
    since: float
    last: float
    hours: int


@dataclass(frozen=True, slots=True)
class Unreached:
    """An operation that no client reaches on legacy, and the time since when that is known; 0 if it is not."""

    capability: str
    operation: str
    since: float


@dataclass(frozen=True, slots=True)
class Clients:
    """What is known of clients. `since` is when Figway began to watch them, or the retention before now if that is
    later; 0 if it does not. `until` is when a worker wrote last what it saw: it does so every five minutes. `unreached`
    are the operations that no client has reached on legacy between these times."""

    since: float
    until: float
    habits: list[Doing]
    unreached: list[Unreached]


def clients(rows: Iterable[Habit], operations: Iterable[Operation], now: float, days: float) -> Clients:
    """What the rows of a store say, in the order in which people read it: by thing, the latest client first. Rows are
    kept for `days`."""
    every = list(rows)
    watched = [row for row in every if row.thing == NOTHING]
    began = min((row.first for row in watched), default=0.0)
    since = max(began, now - days * DAY) if began else 0.0
    known = [row for row in every if row.thing != NOTHING and row.last >= now - days * DAY]
    known.sort(key=lambda row: (_ORDER[row.thing.kind], row.thing.capability, row.thing, -row.last, row.token))
    reached = {(row.thing.capability, row.thing.name) for row in known
               if row.thing.kind == REACHES and row.thing.arm == "legacy"}
    return Clients(since, max((row.last for row in watched), default=0.0), [_doing(row) for row in known],
                   [Unreached(*one, since) for one in operations if one not in reached])


def _doing(row: Habit) -> Doing:
    thing = row.thing
    return Doing(row.token or "others", thing.kind, thing.name, thing.capability, thing.arm, row.first, row.last,
                 row.hours)


_ORDER = {SPEAKS: 0, REFUSED: 1, REACHES: 2}
